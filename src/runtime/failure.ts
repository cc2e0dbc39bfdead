import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import type { Process, RuntimeSpec } from "../oci/runtime-spec.ts"
import type { RuntimeInfo } from "./contract.ts"

/** What is known of a failed call. */
export interface FailedCall {
  readonly info: RuntimeInfo
  readonly verb: "create" | "start" | "exec"
  readonly exitCode: number
  /** The runtime's log, one JSON object per line; undefined when it wrote none. */
  readonly log: string | undefined
  /** For exact words: what was to be run, and where. Read only now. */
  readonly bundle?: string
  readonly processFile?: string
}

/** The words before a runtime's own, as Docker's clients know them. */
const openings = {
  create: "failed to create task for container: failed to create shim task: OCI runtime create failed: ",
  start: "failed to start task for container: OCI runtime start failed: ",
  exec: "OCI runtime exec failed: ",
} as const

/**
 * A failed runtime call in the words that Docker's clients look for: the CLI makes 127 of `executable file not found` and
 * `no such file or directory`, 126 of `permission denied` and `is a directory`.
 * Kind: invalidArgument when the command cannot be executed, internal otherwise.
 */
export function runtimeFailure(call: FailedCall): Failure {
  const message = lastError(call.log)
  const opening = openings[call.verb]
  if (message === undefined)
    return new Failure(
      "internal",
      `${opening}${call.info.name} ended with code ${call.exitCode} and said nothing: unknown`,
    )
  const unable =
    call.verb === "exec"
      ? "exec failed: unable to start container process: "
      : `${call.info.name} ${call.verb} failed: unable to start container process: `
  if (call.info.family === "crun") {
    const { text, execution } = fromCrun(message, () => wanted(call))
    return new Failure(execution ? "invalidArgument" : "internal", `${opening}${unable}${text}: unknown`)
  }
  const text = message
    .replace(/^(runc) run failed: /, "$1 create failed: ")
    .replace(/: error during container init: exec: /, ": exec: ")
  return new Failure(/: exec: "/.test(text) ? "invalidArgument" : "internal", `${opening}${text}: unknown`)
}

/** The last error of a runtime's log: they write warnings before it, and some write plain text. */
export function lastError(log: string | undefined): string | undefined {
  const lines = (log ?? "").split("\n").filter((line) => line.trim() !== "")
  let fallback: string | undefined
  for (const line of lines.reverse()) {
    try {
      const entry = JSON.parse(line) as { level?: string; msg?: string }
      if (entry.msg && (entry.level === "error" || entry.level === "fatal")) return entry.msg
      fallback ??= entry.msg
    } catch {
      fallback ??= line
    }
  }
  return fallback
}

interface Wanted {
  readonly file: string
  readonly root: string | undefined
}

function wanted(call: FailedCall): Wanted {
  try {
    if (call.processFile) {
      const process = JSON.parse(readFileSync(call.processFile, "utf8")) as Process
      return { file: process.args[0] ?? "", root: undefined }
    }
    const spec = JSON.parse(readFileSync(join(call.bundle ?? "", "config.json"), "utf8")) as RuntimeSpec
    return { file: spec.process.args[0] ?? "", root: spec.root.path }
  } catch {
    return { file: "", root: undefined }
  }
}

/** crun's sentences are `what: strerror`; these are the ones people meet, the rest stays as it is with the error in lower case. */
function fromCrun(message: string, wantedOf: () => Wanted): { readonly text: string; readonly execution: boolean } {
  const missing = /^executable file `(.*)` not found in \$PATH/.exec(message)
  if (missing) {
    const file = missing[1]!
    const why = file.includes("/") ? `stat ${file}: no such file or directory` : "executable file not found in $PATH"
    return { text: `exec: "${file}": ${why}`, execution: true }
  }
  const unopened = /^open executable: (.*)$/.exec(message)
  if (unopened) {
    const { file, root } = wantedOf()
    return { text: `exec: "${file}": ${whyNotExecutable(file, root, unopened[1]!)}`, execution: true }
  }
  const source = /^(?:error stat'ing file|cannot stat) `(.*)`: (.*)$/.exec(message)
  if (source)
    return { text: `error mounting "${source[1]}": stat ${source[1]}: ${source[2]!.toLowerCase()}`, execution: false }
  const mounting = /^mount `(.*)` to `(.*)`: (.*)$/.exec(message)
  if (mounting)
    return {
      text: `error mounting "${mounting[1]}" to rootfs at "/${mounting[2]!.replace(/^\//, "")}": ${mounting[3]!.toLowerCase()}`,
      execution: false,
    }
  const directory = /^chdir (?:to )?`(.*)`: (.*)$/.exec(message)
  if (directory) {
    const [, path, why] = directory
    return { text: `chdir to cwd ("${path}") set in config.json failed: ${why!.toLowerCase()}`, execution: false }
  }
  return {
    text: message.replace(/: ([A-Z][^:]*)$/, (_, error: string) => `: ${error.toLowerCase()}`),
    execution: false,
  }
}

/** crun says "Operation not permitted" of directories and of empty names alike. */
function whyNotExecutable(file: string, root: string | undefined, error: string): string {
  if (file === "") return "executable file not found in $PATH"
  if (root !== undefined && file.startsWith("/")) {
    try {
      if (statSync(join(root, file)).isDirectory()) return "is a directory"
    } catch {}
  }
  return error === "Operation not permitted" ? "permission denied" : error.toLowerCase()
}
