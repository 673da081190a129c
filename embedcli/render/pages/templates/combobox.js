// A text box with a list of what it finds, by the pattern of ARIA: arrows go through the list and round, Enter takes the
// active entry or else the first, Escape closes the list, and Escape without a list clears.

const MOST_HITS = 8;

// find(words) -> items, words(item) -> [title, more], pick(item), say(number found, or null), clear()
function combobox(box, list, { find, words, pick, say, clear }) {
  let items = [],
    active = -1;
  const close = () => {
    [items, list.hidden] = [[], true];
    box.setAttribute("aria-expanded", "false");
    activate(-1);
  };
  const activate = at => {
    active = at;
    [...list.children].forEach((option, j) => option.setAttribute("aria-selected", String(j === at)));
    if (at < 0) return box.removeAttribute("aria-activedescendant");
    box.setAttribute("aria-activedescendant", list.children[at].id);
    list.children[at].scrollIntoView({ block: "nearest" });
  };
  const take = item => {
    [box.value] = words(item);
    close();
    pick(item);
  };
  const optionOf = (item, at) => {
    const [title, more] = words(item),
      option = element(
        "li",
        { id: `${list.id}-${at}` },
        title,
        element("span", { className: "dim", textContent: more }),
      );
    option.setAttribute("role", "option");
    option.addEventListener("pointerdown", event => {
      event.preventDefault(); // the box keeps the focus
      take(item);
    });
    return option;
  };
  const look = () => {
    const asked = box.value.trim(),
      found = asked ? find(asked) : [];
    items = found.slice(0, MOST_HITS);
    list.replaceChildren(...items.map(optionOf));
    list.hidden = !items.length;
    box.setAttribute("aria-expanded", String(!list.hidden));
    activate(-1);
    say(asked ? found.length : null);
  };
  const step = way => {
    if (list.hidden) look();
    if (items.length)
      activate(active < 0 ? (way > 0 ? 0 : items.length - 1) : (active + way + items.length) % items.length);
  };
  box.addEventListener("input", look);
  box.addEventListener("blur", close);
  box.addEventListener("keydown", event => {
    if (event.key === "ArrowDown") step(1);
    else if (event.key === "ArrowUp") step(-1);
    else if (event.key === "Enter" && items.length) take(items[Math.max(0, active)]);
    else if (event.key === "Escape") list.hidden ? clear() : close();
    else return;
    event.preventDefault();
  });
}
