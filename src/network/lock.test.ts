import { expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync } from "node:fs"
import { createServer } from "node:net"
import { failure } from "../../test/fixtures/failure.ts"
import { lockBridge } from "./lock.ts"

const bridge = `bl${process.pid % 100_000}`
const files = () => readdirSync("/run/barge-bridges").filter((name) => name.endsWith(`-${bridge}`))

test("a bridge belongs to one process until that lets go of it", async () => {
  const lock = await lockBridge(bridge)
  expect(await failure(lockBridge(bridge))).toMatchObject({ kind: "conflict" })
  lock.release()
  expect(files()).toEqual([])
  const again = await lockBridge(bridge)
  again.release()
})

test("a daemon of an older build has a bridge by the name of a socket", async () => {
  const older = createServer()
  older.listen(`\0barge/bridge/${bridge}`)
  await once(older, "listening")
  expect(await failure(lockBridge(bridge))).toMatchObject({ kind: "conflict" })
  expect(files()).toEqual([])
  older.close()
})

test.skipIf(!existsSync("/usr/bin/setpriv"))(
  "a process that may not administer networks takes a bridge from nobody",
  async () => {
    const script = `require("node:net").createServer().listen("\\0barge/bridge/${bridge}", () => console.log("listens"))`
    const without = ["--bounding-set=-net_admin", "--inh-caps=-net_admin", process.execPath, "-e", script]
    const other = spawn("setpriv", without, { stdio: ["ignore", "pipe", "inherit"] })
    await once(other.stdout, "data")
    const lock = await lockBridge(bridge)
    lock.release()
    other.kill("SIGKILL")
    await once(other, "exit")
  },
)
