import { parsePattern } from "./linear-pattern-parse.ts"

/** One step of a pattern's program. Numbers are places in the program. */
export type Step =
  /** Takes one character. */
  | { readonly kind: "one"; readonly holds: (codePoint: number) => boolean; next: number }
  | { readonly kind: "either"; next: number; other: number }
  /** Takes nothing, and goes on where the characters around the place are so. `undefined` is the text's beginning or end. */
  | { readonly kind: "place"; readonly holds: (before?: number, after?: number) => boolean; next: number }
  | { readonly kind: "match" }

/** How many steps may be taken for one text: some milliseconds. */
const patience = 300_000
/** Patterns that mean the same to the engine's own expressions, and of which these find out quickly: with one repetition at most. */
const plain = /^\^?(?:[\w/ -]|\\[./-]|\[[0-9A-Za-z_-]+\]|\.){0,200}[*+?]?(?:[\w/ -]|\\[./-]){0,200}\$?$/

/**
 * A regular expression that takes time in proportion to the text, whatever it says, as Go's do: the engine's own takes years for some. Its
 * syntax is that of Go (RE2): no references back, nothing looked at ahead or behind.
 */
export class LinearPattern {
  readonly #program: readonly Step[] | RegExp

  /** @throws SyntaxError for a malformed pattern, or one that is too large */
  constructor(pattern: string) {
    this.#program = pattern.length < 400 && plain.test(pattern) ? new RegExp(pattern) : parsePattern(pattern)
  }

  /** Whether the pattern matches somewhere in `text`. @throws RangeError when that takes too long to find out */
  test(text: string): boolean {
    const program = this.#program
    if (program instanceof RegExp) return program.test(text)
    const characters = Array.from(text, (character) => character.codePointAt(0)!)
    let states: number[] = []
    let left = patience
    const reached = new Uint32Array(program.length)
    for (let at = 0; at <= characters.length; at++) {
      const [before, after] = [characters[at - 1], characters[at]]
      // Every state is reached at most once at a place; a match may begin at each.
      const pending = [0, ...states.reverse()]
      states = []
      while (pending.length > 0) {
        const state = pending.pop()!
        if (reached[state] === at + 1) continue
        reached[state] = at + 1
        if (left-- === 0) throw new RangeError("the pattern takes too long")
        const step = program[state]!
        if (step.kind === "match") return true
        if (step.kind === "one") {
          if (after !== undefined && step.holds(after)) states.push(step.next)
        } else if (step.kind === "either") pending.push(step.other, step.next)
        else if (step.holds(before, after)) pending.push(step.next)
      }
    }
    return false
  }
}
