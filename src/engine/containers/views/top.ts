import { execFile } from "node:child_process"
import { promisify } from "node:util"
import type { TopResponse } from "../../../api/container.ts"
import type { Scope } from "../../../core/scope.ts"
import { Failure } from "../../../errors/failure.ts"
import type { Container } from "../record/container.ts"
import type { ViewsNeeds } from "./contract.ts"

const run = promisify(execFile)

/** Carries out `Views.top`. */
export async function topContainer(
  needs: Pick<ViewsNeeds, "registry" | "tasks">,
  scope: Scope,
  container: Container,
  psArgs: string,
): Promise<TopResponse> {
  await needs.registry.afterStart(container)
  if (!container.running) throw new Failure("conflict", `container ${container.id} is not running`)
  const args = (psArgs || "-ef").split(/\s+/).filter(Boolean)
  const renamed = /(\S*)=(PID\S*)/.exec(psArgs)
  if (renamed) throw new Failure("invalidArgument", `specifying "${renamed[0]}" is not allowed`)
  const pids = needs.tasks.pids(scope, container.id)
  const ps = async (...options: readonly string[]) => (await run("ps", options, { maxBuffer: 64 << 20 })).stdout
  let output: string
  try {
    // Some arguments do not go with a list of processes; without it ps shows those of a terminal, or all.
    output = await ps(...args, `-q${pids.join(",")}`).catch(() => ps(...args))
  } catch (error) {
    const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string }
    // The arguments are at fault when ps itself refuses; its first line tells why.
    const refused = stderr?.trim().split("\n")[0]
    if (refused) throw new Failure("invalidArgument", refused, error)
    if (!stdout) throw new Failure("internal", `error running ps: ${message}`, error)
    // ps fails also when its arguments choose no process: it has printed the titles alone.
    output = stdout
  }
  return filterProcesses(output, new Set(pids))
}

/** Keeps the lines whose PID column names one of `pids`. @throws invalidArgument when there is no PID column */
export function filterProcesses(output: string, pids: ReadonlySet<number>): TopResponse {
  const [head = "", ...lines] = output.split("\n")
  const Titles = head.trim().split(/\s+/)
  const column = Titles.indexOf("PID")
  if (column < 0) throw new Failure("invalidArgument", "Couldn't find PID field in ps output")
  const Processes: string[][] = []
  let kept = false
  for (const line of lines) {
    if (line.trim() === "") continue
    const fields = line.trim().split(/\s+/)
    // A thread's line has "-" for its PID and belongs to the process above it.
    if (fields[column] === "-" ? !kept : !pids.has(Number(fields[column]))) {
      kept = false
      continue
    }
    kept = true
    Processes.push([...fields.slice(0, Titles.length - 1), fields.slice(Titles.length - 1).join(" ")])
  }
  return { Titles, Processes }
}
