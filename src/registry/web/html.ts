/** Text that is safe within HTML and attributes. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

const style = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #667085; --line: #e4e7ec; --ground: #fff; --mark: #2557c9 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #2b3240; --ground: #12161d; --mark: #8fb1ff } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 64rem; padding: 2.5rem 1.5rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground) }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; overflow-wrap: anywhere }
p { color: var(--soft); margin: 0 0 1.5rem }
a { color: var(--mark); text-decoration: none } a:hover { text-decoration: underline }
table { border-collapse: collapse; width: 100% }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .8rem }
th, td { padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
code { font: .85em/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
.scroll { overflow-x: auto }
footer { margin-top: 2rem; color: var(--soft); font-size: .8rem }`

/** A whole page. `body` is HTML. */
export const pageOf = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${style}</style></head>
<body>${body}</body></html>
`

/** A table; cells are HTML, numbers are set to the right. */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: ReadonlySet<number>,
): string {
  const mark = (index: number) => (numbers.has(index) ? ' class="number"' : "")
  const line = (tag: "th" | "td", cells: readonly string[]) =>
    `<tr>${cells.map((cell, index) => `<${tag}${mark(index)}>${cell}</${tag}>`).join("")}</tr>`
  return `<div class="scroll"><table><thead>${line("th", head.map(escaped))}</thead><tbody>${rows
    .map((row) => line("td", row))
    .join("")}</tbody></table></div>`
}
