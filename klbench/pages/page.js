"use strict";
(() => {
  const key = (cell) => {
    const raw = cell.dataset.sort;
    if (raw === undefined) return cell.textContent.trim();
    if (raw === "") return null;
    return raw === "inf" ? Infinity : raw === "-inf" ? -Infinity : Number(raw);
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a === b ? 0 : a < b ? -1 : 1;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };

  const sortable = (table) => {
    const bodies = [...table.tBodies];
    const original = bodies.map((body) => [...body.rows]);
    const sort = (column, direction) => {
      const ordered = (rows) => rows
        .map((row) => ({ row, key: key(row.cells[column]) }))
        .sort((a, b) => {
          if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
          return direction * compare(a.key, b.key);
        })
        .map(({ row }) => row);
      if (table.dataset.blocks === "apart") {
        original.forEach((rows, index) => {
          const [head, rest] = [rows.filter((row) => row.dataset.caption !== undefined), rows.filter((row) => row.dataset.caption === undefined)];
          bodies[index].append(...head, ...ordered(rest));
        });
      } else {
        bodies[0].append(...ordered(original.flat()));
      }
    };
    const restore = () => original.forEach((rows, index) => bodies[index].append(...rows));
    const heads = [...table.tHead.querySelectorAll("th[data-column]")];
    heads.forEach((head) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        const next = before === null ? "ascending" : before === "ascending" ? "descending" : null;
        table.classList.toggle("sorted", next !== null);
        if (next === null) { restore(); return; }
        head.setAttribute("aria-sort", next);
        sort(Number(head.dataset.column), next === "ascending" ? 1 : -1);
      });
    });
  };
  document.querySelectorAll("table.sorts").forEach(sortable);

  const filters = document.querySelector("form.filters");
  if (filters) {
    const practices = [...document.querySelectorAll("[data-practice]")];
    const said = new Map(practices.map((item) => [item, item.textContent.toLowerCase()]));
    const choices = [...filters.querySelectorAll("select")];
    const search = filters.querySelector("input[type=search]");
    const count = filters.querySelector("output");
    const fits = (item, words) => words.every((word) => said.get(item).includes(word)) &&
      choices.every(({ name, value }) => !value || JSON.parse(item.dataset[name]).includes(value));
    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const shown = new Set();
      practices.forEach((item) => {
        item.hidden = !fits(item, words);
        if (!item.hidden) shown.add(item.dataset.practice);
      });
      document.querySelectorAll("[data-practices]").forEach((row) => {
        row.hidden = !row.dataset.practices.split(" ").some((number) => shown.has(number));
      });
      document.querySelectorAll("[data-kind]").forEach((part) => {
        part.hidden = !part.querySelector("[data-practice]:not([hidden])");
      });
      count.textContent = `${shown.size} of ${practices.length} shown`;
    };
    filters.hidden = false;
    filters.addEventListener("input", apply);
    filters.addEventListener("reset", () => setTimeout(apply));
    filters.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }

  const closed = [];
  addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach((one) => {
    closed.push(one);
    one.open = true;
  }));
  addEventListener("afterprint", () => closed.splice(0).forEach((one) => { one.open = false; }));
})();
