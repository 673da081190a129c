"""Pictures: PNG, SVG and PDF, by matplotlib."""
