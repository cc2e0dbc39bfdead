// Which tests run in which process, and how many of these at once.
import { spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { TestReport } from "./test-report.mjs"

/** The first lines of a test file that must not share the machine, with the reason behind the colon. */
const alone = /^\/\/ Runs alone: /m

/**
 * Divides the test files whose paths contain one of `words` (all, without any) into processes. Those beside the sources share one.
 * Each file of `test` has its own: state of a process (descriptors, signals, limits, the umask) that a test changes meets no other.
 * @param folder the checkout
 * @returns in the order in which they start: `files` relative to the folder, and whether nothing may run beside them
 */
export function planTests(folder, words = []) {
  const files = ["src", "test"]
    .flatMap((top) => readdirSync(join(folder, top), { recursive: true }).map((name) => `${top}/${name}`))
    .filter((path) => path.endsWith(".test.ts") && (words.length === 0 || words.some((word) => path.includes(word))))
    .sort()
  const sources = files.filter((path) => path.startsWith("src/"))
  const others = files
    .filter((path) => path.startsWith("test/"))
    .map((path) => ({ files: [path], alone: alone.test(readFileSync(join(folder, path), "utf8")) }))
  return [
    ...(sources.length > 0 ? [{ files: sources, alone: false }] : []),
    ...others.filter((each) => !each.alone),
    ...others.filter((each) => each.alone),
  ]
}

/**
 * Runs what {@link planTests} planned, as many processes at once as there are processors, but two at most: more of them wait
 * for each other. Prints what they print, and a summary.
 * @param how.program Bun
 * @param how.options words for `bun test`
 * @param how.processes how many at once
 * @param how.write takes what is printed
 * @returns the exit code
 */
export async function runTests(
  plan,
  {
    folder,
    program,
    options = [],
    processes = Math.min(availableParallelism(), 2),
    write = (text) => process.stdout.write(text),
  },
) {
  const report = new TestReport(write)
  const running = new Set()
  const forward = (signal) => {
    for (const child of running) child.kill(signal)
    report.interrupted()
    process.exit(1)
  }
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, forward)

  // With a name to look for, a file may have no test of that name.
  const named = options.some((word) => /^(-t|--test-name-pattern)/.test(word)) ? ["--pass-with-no-tests"] : []
  const start = (part, lane) =>
    new Promise((resolve) => {
      // Through a shell, so that both outputs share one pipe and stay in order.
      const words = ["test", "--timeout=300000", ...named, ...options, ...part.files.map((path) => `./${path}`)]
      const child = spawn("sh", ["-c", 'exec "$@" 2>&1', "sh", program, ...words], {
        cwd: folder,
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, BARGE_TEST_LANE: String(lane) },
      })
      running.add(child)
      const output = report.process(part.files)
      child.stdout.setEncoding("utf8")
      child.stdout.on("data", (text) => output.take(text))
      child.on("close", (code, signal) => {
        running.delete(child)
        output.end(code ?? signal)
        resolve()
      })
    })

  const together = plan.filter((part) => !part.alone)
  const lane = async (number) => {
    for (let part = together.shift(); part; part = together.shift()) await start(part, number)
  }
  await Promise.all(Array.from({ length: processes }, (_, number) => lane(number)))
  for (const part of plan.filter((part) => part.alone)) await start(part, 0)
  for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, forward)
  return report.end()
}
