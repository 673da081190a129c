// What all pages do: save files, and open for print what is folded.
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

// <button data-csv="best.csv" data-of="best">: saves the table with the id "best"
for (const button of document.querySelectorAll("button[data-csv]")) {
  const rows = () => [...document.getElementById(button.dataset.of).rows];
  button.addEventListener("click", () => saveCsv(button.dataset.csv, rows().map(row => [...row.cells].map(cell => cell.textContent.trim()))));
}

const folded = () => document.querySelectorAll("details:not(.screen)");
let closed = [];
window.addEventListener("beforeprint", () => {
  closed = [...folded()].filter(one => !one.open);
  for (const one of closed) one.open = true;
});
window.addEventListener("afterprint", () => closed.forEach(one => { one.open = false; }));
