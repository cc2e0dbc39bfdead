import type { Flag, Flags, Values } from "./flag.ts"

/** The command line does not fit the command's flags; shown with the command's usage, exit code 125. */
export class FlagError extends Error {
  override readonly name = "FlagError"
}

export interface Parsed<F extends Flags> {
  readonly values: Values<F>
  /** Names of the flags that were given. */
  readonly given: ReadonlySet<string>
  /** What is not a flag. */
  readonly args: readonly string[]
  readonly help: boolean
}

/**
 * Parses a command line in the grammar of docker's flags (POSIX clusters, `--name value`, `--name=value`, `--`).
 * @param interspersed whether flags may follow arguments; if not, the first argument ends the flags
 * @throws FlagError
 */
export function parseFlags<F extends Flags>(flags: F, words: readonly string[], interspersed = true): Parsed<F> {
  const values: Record<string, unknown> = {}
  for (const [name, flag] of Object.entries(flags)) if (!flag.spelling) values[name] = flag.initial
  const given = new Set<string>()
  const args: string[] = []
  let help = false

  const set = (name: string, flag: Flag<unknown>, text: string) => {
    const key = flag.spelling ?? name
    try {
      values[key] = flag.parse(text, values[key])
    } catch (error) {
      const shown = flag.short ? `-${flag.short}, --${name}` : `--${name}`
      throw new FlagError(`invalid argument ${goQuote(text)} for "${shown}" flag: ${(error as Error).message}`)
    }
    given.add(key)
  }

  const long = (word: string, next: () => string | undefined) => {
    const equals = word.indexOf("=")
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals)
    if (!name || name.startsWith("-")) throw new FlagError(`bad flag syntax: ${word}`)
    if (name === "help") {
      help ||= equals < 0 || word.slice(equals + 1) !== "false"
      return
    }
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
    if (!flag) throw new FlagError(`unknown flag: --${name}`)
    if (equals >= 0) return set(name, flag, word.slice(equals + 1))
    if (flag.bare !== undefined) return set(name, flag, flag.bare)
    const value = next()
    if (value === undefined) throw new FlagError(`flag needs an argument: --${name}`)
    set(name, flag, value)
  }

  const cluster = (letters: string, next: () => string | undefined) => {
    for (let rest = letters; rest; ) {
      const letter = [...rest][0]!
      const found = Object.entries(flags).find(([, flag]) => flag.short === letter)
      if (!found) {
        if (letter !== "h") throw new FlagError(`unknown shorthand flag: '${letter}' in -${rest}`)
        help = true
        rest = rest.slice(1)
        continue
      }
      const [name, flag] = found
      if (rest[1] === "=" && rest.length > 2) return set(name, flag, rest.slice(2))
      if (flag.bare !== undefined) {
        set(name, flag, flag.bare)
        rest = rest.slice(1)
        continue
      }
      const value = rest.length > 1 ? rest.slice(1) : next()
      if (value === undefined) throw new FlagError(`flag needs an argument: '${letter}' in -${rest}`)
      return set(name, flag, value)
    }
  }

  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    const next = () => words[++at]
    if (word === "--") {
      args.push(...words.slice(at + 1))
      break
    }
    if (word.startsWith("--")) long(word, next)
    else if (word.length > 1 && word.startsWith("-")) cluster(word.slice(1), next)
    else if (interspersed) args.push(word)
    else {
      args.push(...words.slice(at))
      break
    }
  }
  return { values: values as Values<F>, given, args, help }
}

/** A text in double quotes as Go prints it. */
export const goQuote = (text: string): string => JSON.stringify(text)
