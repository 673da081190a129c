// What the scripts of a page share: making elements, and saving files.
"use strict";

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
};

const save = (name, blob) => {
  const link = element("a", { download: name, href: URL.createObjectURL(blob) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};

const csvCell = value => {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
};

const saveCsv = (name, rows) => {
  const lines = rows.map(row => row.map(csvCell).join(","));
  save(name, new Blob([lines.join("\n") + "\n"], { type: "text/csv;charset=utf-8" }));
};
