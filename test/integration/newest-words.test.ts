import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, symlinkSync } from "node:fs"
import type { ServerResponse } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CannedDaemon } from "../fixtures/canned-daemon.ts"
import { executable, runProgram } from "../fixtures/daemon.ts"

/** What docker 29 says otherwise than 28 did, for machines that have no docker 29 to compare with. */
let daemon: CannedDaemon
let folder: string
const missing = (_asked: unknown, answer: ServerResponse) =>
  void answer
    .writeHead(404, { "content-type": "application/json" })
    .end(JSON.stringify({ message: "No such container: none" }))

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "barge-words-"))
  symlinkSync(executable, join(folder, "docker"))
  daemon = await CannedDaemon.start({
    "DELETE /containers/none": missing,
    "POST /containers/none/rename": missing,
    "GET /containers/json": [],
  })
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const docker = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runProgram(join(folder, "docker"), args, { env: { DOCKER_HOST: daemon.host, HOME: folder, ...env } })

test("a daemon that is not there is told with the way to it, and run ends with 1 then", async () => {
  const stderr =
    "failed to connect to the docker API at unix:///nowhere; check if the path is correct and if the daemon is running: dial unix /nowhere: connect: no such file or directory\n"
  for (const words of [["ps"], ["run", "busybox"], ["create", "busybox"]])
    expect(await docker(words, { DOCKER_HOST: "unix:///nowhere" })).toEqual({ code: 1, stdout: "", stderr })
})

test("removal by force says nothing of a container that is not there", async () => {
  expect(await docker(["rm", "-f", "none"])).toEqual({ code: 0, stdout: "", stderr: "" })
  expect(await docker(["rm", "none"])).toMatchObject({ code: 1 })
})

test("a rename that fails is told in one line", async () => {
  const said = async (...words: readonly string[]) => (await docker(["rename", ...words])).stderr
  expect(await said("none", "x")).toBe(
    "failed to rename container: Error response from daemon: No such container: none\n",
  )
  expect(await said("none", "")).toBe("failed to rename container: new name cannot be blank\n")
})

test("one host is enough", async () => {
  expect(await docker(["-H", "unix:///a", "-H", "unix:///b", "ps"])).toMatchObject({
    code: 125,
    stderr: expect.stringContaining('invalid argument "unix:///b" for "-H, --host" flag: specify only one -H\n'),
  })
})

test("addresses that are none are refused by their flags", async () => {
  const said = async (...words: readonly string[]) => (await docker(words)).stderr.split("\n", 1)[0]
  expect(await said("run", "--ip", "x", "busybox")).toBe(
    'invalid argument "x" for "--ip" flag: failed to parse IP: "x"',
  )
  const create = (...words: readonly string[]) => said("network", "create", ...words, "n")
  expect(await create("--subnet", "x")).toBe(`netip.ParsePrefix("x"): no '/'`)
  expect(await create("--subnet", "10.0.0.0/8", "--ip-range", "x")).toBe(
    'invalid argument "x" for "--ip-range" flag: invalid string being converted to CIDR: x',
  )
  expect(await create("--subnet", "10.0.0.0/8", "--gateway", "x")).toBe(
    'invalid argument "x" for "--gateway" flag: invalid string being converted to IP address: x',
  )
})

test("a version of the API that is too new is not insisted on, and one that is none is refused", async () => {
  expect(await docker(["ps", "-q"], { DOCKER_API_VERSION: "9.99" })).toMatchObject({ code: 0 })
  expect(await docker(["ps", "-q"], { DOCKER_API_VERSION: "abc" })).toEqual({
    code: 1,
    stdout: "",
    stderr: "Failed to initialize: invalid API version (abc): must be formatted <major>.<minor>\n",
  })
})

test("events have no status, from and id of their own any more", async () => {
  for (const field of ["Status", "From", "ID"])
    expect(await docker(["events", "--format", `{{.${field}}}`])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining(`can't evaluate field ${field} in type *events.Message`),
    })
})

test("a password may come from standard input by a dash, and pause and no-pause exclude each other", async () => {
  expect((await docker(["login", "-p", "-"])).stderr).toBe(
    "the --password-stdin option requires --username to be set\n",
  )
  expect((await docker(["commit", "--pause", "--no-pause", "c"])).stderr).toBe(
    "conflicting options: --no-pause and --pause cannot be used together\n",
  )
})

test("save and load take several platforms", async () => {
  const asked: string[] = []
  await using archives = await CannedDaemon.start({
    "GET /images/get": (request, answer) => {
      asked.push(request.url ?? "")
      answer.writeHead(200).end("archive")
    },
  })
  const words = ["save", "--platform", "linux/amd64,linux/arm64", "--platform", "linux/s390x", "busybox"]
  expect((await docker(words, { DOCKER_HOST: archives.host })).stdout).toBe("archive")
  const platforms = new URL(`http://x${asked[0]}`).searchParams.getAll("platform").map((text) => JSON.parse(text))
  expect(platforms.map(({ architecture }) => architecture)).toEqual(["amd64", "arm64", "s390x"])
})
