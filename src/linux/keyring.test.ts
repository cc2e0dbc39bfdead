import { expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"

/** Prints the session keyring's number before and after, as a process that is started from here sees its own. */
const program = `
import { leaveSessionKeyring } from ${JSON.stringify(join(import.meta.dir, "keyring.ts"))}
import { libc, types } from ${JSON.stringify(join(import.meta.dir, "libc.ts"))}
const c = libc({ syscall: { args: [types.i64, types.i64, types.i64, types.i64], returns: types.i64 } })
const [GET_KEYRING_ID, SESSION] = [0, -3]
const current = () => Number(c.syscall(process.arch === "arm64" ? 219 : 250, GET_KEYRING_ID, SESSION, 0))
const before = current()
leaveSessionKeyring()
console.log(JSON.stringify([before, current()]))
`

test.skipIf(!existsSync("/proc/keys"))("a session keyring is left for a new one (needs a kernel with keys)", () => {
  const { stdout } = Bun.spawnSync([process.execPath, "-e", program])
  const [before, after] = JSON.parse(stdout.toString()) as [number, number]
  expect(after).toBeGreaterThan(0)
  expect(after).not.toBe(before)
})
