import { describe, expect, test } from "bun:test"
import { LinearPattern } from "./linear-pattern.ts"

const matches = (pattern: string, text: string): boolean => new LinearPattern(pattern).test(text)

/** Numbers that look random and are the same each time. */
function* numbers(): Generator<number> {
  for (let state = 12345; ; ) {
    state = (state * 1103515245 + 12345) % 2147483648
    yield state / 2147483648
  }
}

test("finds what the engine's own expressions find", () => {
  const source = numbers()
  const choose = <T>(items: readonly T[]): T => items[Math.floor(source.next().value! * items.length)]!
  const make = (depth: number): string => {
    const simple = ["a", "b", "c", ".", "[ab]", "[^b]", "a-", "\\.", "^", "$", "\\b", "\\w", "(?:ab|c)"]
    const kinds = depth === 0 ? [0] : [0, 1, 1, 2, 3]
    switch (choose(kinds)) {
      case 1:
        return make(depth - 1) + make(depth - 1)
      case 2:
        return `(${make(depth - 1)}|${make(depth - 1)})`
      case 3:
        return `(${make(depth - 1)})${choose(["*", "+", "?", "*?", "{2}", "{1,3}", "{2,}"])}`
      default:
        return choose(simple)
    }
  }
  for (let round = 0; round < 3000; round++) {
    const pattern = make(4)
    const text = Array.from({ length: choose([0, 1, 3, 8]) }, () => choose(["a", "b", "c", "-", "."])).join("")
    expect({ pattern, text, found: matches(pattern, text) }).toEqual({
      pattern,
      text,
      found: new RegExp(pattern).test(text),
    })
  }
})

test("finds what plain patterns mean", () => {
  for (const [pattern, found, other] of [
    ["^web-[0-9]+$", "web-12", "web-x"],
    ["a.c", "xabcx", "ac"],
    ["^/one", "/one-two", "x/one"],
    ["a\\.b", "a.b", "axb"],
    ["ab*$", "xabbb", "abc"],
  ] as const)
    expect({ pattern, found: matches(pattern, found), other: matches(pattern, other) }).toEqual({
      pattern,
      found: true,
      other: false,
    })
})

test("takes time in proportion to the text where others take years", () => {
  const text = `${"a".repeat(250)}!`
  for (const pattern of ["^(a+)+$", "(a|a)*b", "^(a|aa)+$", "(.*a){20}b", "(a*)*b", "((a{0,5}){0,5}){0,5}b"])
    expect({ pattern, found: matches(pattern, text) }).toEqual({ pattern, found: false })
})

describe("knows Go's syntax", () => {
  const cases: readonly (readonly [pattern: string, found: readonly string[], other: readonly string[]])[] = [
    ["(?i)web", ["WEB", "my-Web-1"], ["wob"]],
    ["(?i:A)b", ["ab", "Ab"], ["AB"]],
    ["(?s)a.b", ["a\nb"], ["ab"]],
    ["a.b", ["axb"], ["a\nb"]],
    ["(?m)^b$", ["a\nb\nc"], ["ab"]],
    ["(?P<name>a)(?<other>b)", ["ab"], ["a"]],
    ["\\d+\\D\\s\\S\\w\\W", ["12a b_-"], ["a"]],
    ["\\Qa.b\\E+", ["a.bb"], ["axb"]],
    ["\\Aa\\z", ["a"], ["ab", "ba"]],
    ["\\x41\\x{1F600}\\101\\t", ["A😀A\t"], ["A"]],
    ["[[:alpha:]_]+[[:^digit:]]", ["ab"], ["1"]],
    ["[\\d\\-x]", ["-", "5", "x"], ["y"]],
    ["[]a]", ["]", "a"], ["b"]],
    ["[^]a]", ["b"], ["]", "a"]],
    ["[a-]", ["-"], ["b"]],
    ["\\p{Greek}\\pL\\P{Lu}", ["αba"], ["abc", "αbA"]],
    ["a{,2}", ["a{,2}"], ["aa"]],
    ["x|", ["", "y"], []],
    ["a{0}b", ["b"], ["a"]],
  ]
  for (const [pattern, found, other] of cases) {
    test(pattern, () => {
      for (const text of found) expect({ text, found: matches(pattern, text) }).toEqual({ text, found: true })
      for (const text of other) expect({ text, found: matches(pattern, text) }).toEqual({ text, found: false })
    })
  }
})

test("refuses what Go refuses", () => {
  for (const pattern of [
    "(",
    ")",
    "[",
    "[b-a]",
    "*",
    "a**",
    "a{2}{3}",
    "a{1001}",
    "a{3,2}",
    "\\",
    "\\1",
    "(?=a)",
    "(?!a)",
    "(?<=a)b",
    "\\k<a>",
    "(?P<>a)",
    "[[:none:]]",
    "\\p{None}",
    "\\x{110000}",
    "(?x)a",
    "\\Z",
    "(((x{0}){1000}){1000}){1000}",
    "((x{100}){100}){100}",
    "(".repeat(200) + ")".repeat(200),
  ])
    expect(() => new LinearPattern(pattern)).toThrow(SyntaxError)
})

test("gives up on a text that takes too long", () => {
  expect(() => matches("(a?){900}b", "a".repeat(5000))).toThrow(RangeError)
})
