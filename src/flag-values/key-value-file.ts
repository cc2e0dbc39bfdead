import { readFileSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { cut } from "./words.ts"

/**
 * The `NAME=value` lines of the files of `--env-file` and `--label-file`: blank lines and `#` lines are passed over, a
 * name alone takes its value from `lookup` and is dropped when that has none.
 * @throws invalidArgument in Docker's words
 */
export function readKeyValueFiles(
  paths: readonly string[],
  lookup: (name: string) => string | undefined,
): readonly string[] {
  return paths.flatMap((path) => {
    let text: string
    try {
      text = readFileSync(path, "utf8")
    } catch (error) {
      throw new Failure("invalidArgument", `open ${path}: ${systemWords(error)}`)
    }
    const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/)
    return lines.flatMap((line) => parseLine(path, line, lookup))
  })
}

function parseLine(path: string, written: string, lookup: (name: string) => string | undefined): readonly string[] {
  const line = written.trimStart()
  if (line === "" || line.startsWith("#")) return []
  const [name, value] = cut(line, "=")
  if (name === "")
    throw new Failure("invalidArgument", `invalid env file (${path}): no variable name on line '${line}'`)
  if (/\s/.test(value === undefined ? name.trimEnd() : name))
    throw new Failure("invalidArgument", `invalid env file (${path}): variable '${name}' contains whitespaces`)
  if (value !== undefined) return [line]
  const found = lookup(name.trim())
  return found === undefined ? [] : [`${name.trim()}=${found}`]
}

/** The reason why a file cannot be opened, in C's words. */
export function systemWords(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? ""
  const words: Readonly<Record<string, string>> = {
    ENOENT: "no such file or directory",
    EACCES: "permission denied",
    EISDIR: "is a directory",
    ENOTDIR: "not a directory",
    EEXIST: "file exists",
  }
  return words[code] ?? (error as Error).message
}
