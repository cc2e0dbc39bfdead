import { spawn } from "node:child_process"
import { setTimeout as pause } from "node:timers/promises"

/** Middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** The median of `times` runs, each after idleness: as a user meets it, not as a hot loop does. */
export async function isolated(
  times: number,
  work: (round: number) => Promise<unknown>,
  after?: (round: number) => Promise<unknown>,
): Promise<number> {
  const taken: number[] = []
  for (let round = 0; round < times; round++) {
    await pause(100)
    taken.push(await timed(() => work(round)))
    await after?.(round)
  }
  return median(taken)
}

/** Runs a program quietly. @throws Error with what it said when it fails */
export function run(command: readonly string[], options: { readonly quietly?: boolean } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ["ignore", options.quietly ? "ignore" : "pipe", "pipe"],
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout?.on("data", (chunk: Buffer) => out.push(chunk))
    child.stderr?.on("data", (chunk: Buffer) => err.push(chunk))
    child.on("error", reject)
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(out).toString("utf8"))
      else reject(new Error(`${command.join(" ")} ended with ${code}: ${Buffer.concat(err)}`))
    })
  })
}
