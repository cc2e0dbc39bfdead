import { expect, test } from "bun:test"
import { readdirSync } from "node:fs"
import { TestDaemon } from "../fixtures/daemon.ts"
import { OwnNetwork } from "../fixtures/own-network.ts"

/** Of every exec that runs, the daemon keeps three descriptors: together more than select(2) knows. */
const execs = 360

test("a daemon that keeps more than 1,024 descriptors of what runs starts again after a kill", async () => {
  await using network = await OwnNetwork.make()
  await using daemon = await TestDaemon.start([], network.barge)
  await daemon.bootstrap()
  const made = await daemon.docker("run", "-d", "--name", "many", "busybox", "sleep", "100000")
  expect(made.stderr).toBe("")
  const body = { Cmd: ["sleep", "100000"], AttachStdout: true, AttachStderr: true }
  const startOne = async () => {
    const { body: exec } = await daemon.json<{ Id: string }>("POST", "/containers/many/exec", body)
    expect((await daemon.json("POST", `/exec/${exec.Id}/start`, { Detach: true })).status).toBe(200)
  }
  for (let started = 0; started < execs; started += 12) await Promise.all(Array.from({ length: 12 }, startOne))
  expect(readdirSync(`/proc/${daemon.pid}/fd`).length).toBeGreaterThan(1024)
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  expect((await daemon.docker("ps", "--format", "{{.Names}}")).stdout).toBe("many\n")
  const published = await daemon.docker("run", "--rm", "-p", "127.0.0.1::80", "busybox", "echo", "rules change")
  expect(published).toMatchObject({ code: 0, stdout: "rules change\n" })
})
