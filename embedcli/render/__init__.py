"""From records to text: a view says what is shown, `output.write` shows it in the format asked for."""
