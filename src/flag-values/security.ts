import { readFileSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { systemWords } from "./key-value-file.ts"
import { cut } from "./words.ts"

export interface Security {
  readonly options: readonly string[]
  /** `systempaths=unconfined` was among them: no path is masked or read-only. */
  readonly unconfinedPaths: boolean
}

/** Checks `--security-opt` words; a seccomp profile's file is read and sent along. @throws invalidArgument in Docker's words */
export function parseSecurity(words: readonly string[]): Security {
  const options: string[] = []
  let unconfinedPaths = false
  for (const word of words) {
    if (word === "systempaths=unconfined") unconfinedPaths = true
    else options.push(checked(word))
  }
  return { options, unconfinedPaths }
}

function checked(word: string): string {
  let [name, value] = cut(word, "=")
  if (value === undefined && name !== "no-new-privileges") [name, value] = cut(word, ":")
  if (!value && name !== "no-new-privileges")
    throw new Failure("invalidArgument", `Invalid --security-opt: ${JSON.stringify(word)}`)
  if (name !== "seccomp" || value === "unconfined" || value === "builtin") return word
  return `seccomp=${readProfile(value!)}`
}

function readProfile(path: string): string {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    throw new Failure(
      "invalidArgument",
      `opening seccomp profile (${path}) failed: open ${path}: ${systemWords(error)}`,
    )
  }
  try {
    JSON.parse(text)
  } catch (error) {
    throw new Failure(
      "invalidArgument",
      `compacting json for seccomp profile (${path}) failed: ${(error as Error).message}`,
    )
  }
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1")
}

/** Capabilities in the form the daemon keeps: upper case, with `CAP_`, sorted; ALL makes the others needless. */
export function normalizeCapabilities(words: readonly string[]): readonly string[] | null {
  if (words.length === 0) return null
  const names = words.map((word) => word.trim().toUpperCase())
  if (names.includes("ALL")) return ["ALL"]
  return [...new Set(names.map((name) => (name.startsWith("CAP_") ? name : `CAP_${name}`)))].sort()
}
