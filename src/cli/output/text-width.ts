/** Whether a character takes two columns on a terminal (Unicode's East Asian Width, wide and full-width). */
function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0x303e) ||
    (code >= 0x3041 && code <= 0xa4cf) ||
    (code >= 0xa960 && code <= 0xa97c) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff01 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1f64f) ||
    (code >= 0x1f680 && code <= 0x1f9ff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  )
}

/** Each character takes one column and one unit of the string. */
const simple = /^[\x20-\x7e]*$/

/** How many characters a text has. */
export const characters = (text: string): number => (simple.test(text) ? text.length : [...text].length)

/** Columns that the text takes on a terminal. */
export function textWidth(text: string): number {
  if (simple.test(text)) return text.length
  let width = 0
  for (const character of text) {
    if (/\p{Mn}/u.test(character)) continue
    width += isWide(character.codePointAt(0)!) ? 2 : 1
  }
  return width
}

/** The text cut to at most `columns`, the last of which is then an ellipsis. */
export function ellipsis(text: string, columns: number): string {
  if (columns <= 0) return ""
  if (textWidth(text) <= columns) return text
  if (columns === 1) return [...text][0] ?? ""
  let kept = ""
  let width = 0
  for (const character of text) {
    const next = textWidth(character)
    if (width + next > columns - 1) break
    kept += character
    width += next
  }
  return `${kept}…`
}
