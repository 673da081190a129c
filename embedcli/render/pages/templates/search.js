// Look-up as the commands do it (run/lookup.py): by id, then by title in any case, without its year, with its article
// moved, without accents. What no title is exactly is looked for in its words and parts.

const ARTICLES = ["the", "a", "an", "la", "le", "les", "il", "el", "der", "die", "das", "l'"];
const isAscii = text => /^[\x00-\x7f]*$/.test(text);
// Python's casefold, letter by letter: "ß" becomes "ss", each sigma the same, and a dotless i stays
const caseless = letter => (letter === "\u0131" ? letter : letter.toLowerCase().toUpperCase().toLowerCase());
const inAnyCase = title => (isAscii(title) ? title.toLowerCase() : [...title].map(caseless).join("")).trim();
const withoutAccents = title => {
  const plain = inAnyCase(title);
  return isAscii(plain) ? plain : plain.normalize("NFKD").replace(/\p{Mn}/gu, "");
};
const withoutYear = title => title.replace(/\s*\(\p{Nd}{4}\)\s*$/u, "");
const articleFirst = title => {
  const bare = withoutYear(title),
    comma = bare.lastIndexOf(", "),
    article = bare.slice(comma + 2);
  if (comma < 0 || !ARTICLES.includes(article)) return title;
  return article + (article.endsWith("'") ? "" : " ") + bare.slice(0, comma) + title.slice(bare.length);
};
const plainest = title => articleFirst(withoutYear(title));
const wordsOf = text => new Set(text.match(/[\p{L}\p{N}_]+/gu) || []);

class Search {
  // titles and ids (null if they are the titles), the most rated item first
  constructor(titles, ids) {
    this.titles = titles;
    this.ids = ids || titles;
    this.read = new Map();
  }

  // the titles in one reading, made when it is first needed
  texts(fold) {
    if (!this.read.has(fold)) this.read.set(fold, this.titles.map(fold));
    return this.read.get(fold);
  }

  rows(test) {
    return this.titles.flatMap((_, row) => (test(row) ? [row] : []));
  }

  // the items that are exactly what is asked for: none, one, or several of one title
  find(asked) {
    const byId = asked.startsWith("title:")
      ? -1
      : Math.max(this.ids.indexOf(asked), this.ids.indexOf(asked.replace(/^id:/, "")));
    const byTitle = asked.startsWith("id:") ? [] : this.byTitle(asked.replace(/^title:/, ""));
    return byId < 0 ? byTitle : [byId, ...byTitle.filter(row => row !== byId)];
  }

  byTitle(asked) {
    const same = this.rows(row => this.titles[row] === asked);
    if (same.length) return same;
    for (const fold of [inAnyCase, withoutAccents]) {
      const texts = this.texts(fold),
        wanted = fold(asked),
        hasYear = withoutYear(wanted) !== wanted;
      for (const reading of [text => text, withoutYear, articleFirst, plainest]) {
        if (hasYear && reading === withoutYear) continue; // whoever gives a year means it
        const meant = reading(wanted),
          rows = this.rows(row => reading(texts[row]) === meant);
        if (rows.length) return hasYear && withoutYear(meant) === meant ? [] : rows;
      }
    }
    return [];
  }

  // those first, then the titles with all words asked for, with words that begin so, and with them anywhere
  matches(asked) {
    const found = this.find(asked),
      texts = this.texts(withoutAccents);
    const words = [...wordsOf(withoutAccents(asked.replace(/^(id|title):/, "")))];
    if (!words.length) return found;
    const parts = this.rows(row => words.every(word => texts[row].includes(word)));
    const whole = parts.filter(row => words.every(word => wordsOf(texts[row]).has(word)));
    const begun = parts.filter(row => words.every(word => [...wordsOf(texts[row])].some(one => one.startsWith(word))));
    return [...new Set([...found, ...whole, ...begun, ...parts])];
  }
}
