import { spawnSync } from "node:child_process"

/**
 * Runs the program at `path`, with this one's arguments, in a network namespace of its own, so that nobody's rules meet, and ends
 * with its exit code. Returns at once in that namespace.
 */
export function enterOwnNetwork(path: string): void {
  if (process.env["BENCH_INSIDE"] !== undefined) return
  const script = 'ip link set lo up && exec "$@"'
  const words = ["-n", "sh", "-c", script, "sh", process.execPath, path, ...process.argv.slice(2)]
  const inside = spawnSync("unshare", words, { stdio: "inherit", env: { ...process.env, BENCH_INSIDE: "1" } })
  process.exit(inside.status ?? 1)
}
