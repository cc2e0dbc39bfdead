import { getSystemErrorMap } from "node:util"
import { Failure } from "../errors/failure.ts"
import { errnoName } from "../linux/errno.ts"
import type { Process } from "../oci/runtime-spec.ts"

/** The system call that a process failed with on its way into a container. */
export type FailedEntry =
  | { readonly call: string; readonly errno: number }
  /** It ended with errno as its exit code. */
  | { readonly call: string; readonly code: number }
  | { readonly call: string; readonly signal: number }

/**
 * What a client is told of a process that could not be started: Docker's words, from which its command line makes the exit
 * codes 126 and 127. Kind: invalidArgument when the program cannot be executed, internal otherwise.
 */
export function enterFailure({ args, cwd }: Process, failed: FailedEntry): Failure {
  const say = (kind: "invalidArgument" | "internal", text: string) =>
    new Failure(kind, `OCI runtime exec failed: exec failed: unable to start container process: ${text}: unknown`)
  if ("signal" in failed)
    return say("internal", `the process was killed by signal ${failed.signal} before it was "${args[0]}"`)
  const errno = "errno" in failed ? failed.errno : failed.code
  const [name, text] = [errnoName(errno), getSystemErrorMap().get(-errno)?.[1] ?? errnoName(errno)]
  const program = args[0] ?? ""
  if (failed.call === "execve")
    return say("invalidArgument", `exec: "${program}": ${whyNotExecuted(program, name, text)}`)
  if (failed.call === "chdir") return say("internal", `chdir to cwd ("${cwd}") set in config.json failed: ${text}`)
  if (failed.call === "clone" && name === "EAGAIN")
    return say("internal", "the container has as many processes as it may have; see --pids-limit")
  return say("internal", `${failed.call}: ${text}`)
}

function whyNotExecuted(program: string, name: string, text: string): string {
  if (name === "ENOENT")
    return program.includes("/") ? `stat ${program}: ${text}` : "executable file not found in $PATH"
  return name === "ENOEXEC" ? "exec format error" : text
}
