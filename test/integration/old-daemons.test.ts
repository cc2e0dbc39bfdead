import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { executable, runProgram, TestDaemon } from "../fixtures/daemon.ts"

/** Versions before a wait could begin before the start (1.30), and before daemons removed containers themselves (1.25). */
describe.each(["1.24", "1.25", "1.29", "1.30"])("the command line speaks API %s", (version) => {
  let daemon: TestDaemon
  beforeAll(async () => {
    daemon = await TestDaemon.start()
    await daemon.bootstrap()
  })
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
  })

  const barge = (...args: readonly string[]) =>
    runProgram(executable, ["-H", `unix://${daemon.socket}`, ...args], { env: { DOCKER_API_VERSION: version } })
  const left = async () => (await barge("ps", "-aq")).stdout

  test("run --rm passes on the exit code and leaves no container", async () => {
    const { code, stdout } = await barge("run", "--rm", "busybox", "sh", "-c", "echo out; exit 7")
    expect({ code, stdout, left: await left() }).toEqual({ code: 7, stdout: "out\n", left: "" })
  })

  test("run --rm leaves no container that could not be started", async () => {
    const { code } = await barge("run", "--rm", "busybox", "/no/such/program")
    expect({ code, left: await left() }).toEqual({ code: 127, left: "" })
  })

  test("run without --rm and start -a pass on the exit code", async () => {
    expect((await barge("run", "--name", "kept", "busybox", "sh", "-c", "exit 5")).code).toBe(5)
    expect((await barge("start", "-a", "kept")).code).toBe(5)
    expect((await barge("rm", "kept")).code).toBe(0)
  })

  test("run -d --rm is refused where nobody would remove the container", async () => {
    const { code, stdout, stderr } = await barge("run", "-d", "--rm", "busybox", "sleep", "1000")
    if (version === "1.24") {
      expect({ code, left: await left() }).toEqual({ code: 125, left: "" })
      expect(stderr).toContain("the daemon (API 1.24) is too old to remove containers: use --rm without --detach")
    } else {
      expect(code).toBe(0)
      expect((await barge("rm", "-f", stdout.trim())).code).toBe(0)
    }
  })
})
