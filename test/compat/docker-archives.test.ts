import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import { bootstrapImage } from "../../src/engine/images/bootstrap.ts"
import { hostPlatform } from "../../src/oci/platform.ts"
import { collectBytes, inPieces, openStores, type Stores } from "../core-stores.ts"
import { tarOf } from "../tar-archive.ts"

const version = spawnSync("dockerd", ["--version"])
const available = version.status === 0 && /^Docker version \d/.test(version.stdout.toString())

/** Archives that go between this program and a real Docker daemon, one of the test's own. */
describe.skipIf(!available)("with a real dockerd", () => {
  let scratch: string
  let daemon: ChildProcess
  let stores: Stores
  const docker = async (...args: string[]) =>
    (
      await promisify(execFile)("docker", ["-H", `unix://${scratch}/docker.sock`, ...args], {
        encoding: "buffer",
        maxBuffer: 1 << 28,
      })
    ).stdout

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), "docker-archives-"))
    stores = await openStores()
    daemon = spawn(
      "dockerd",
      [
        ...[
          "--data-root",
          join(scratch, "root"),
          "--exec-root",
          join(scratch, "run"),
          "--pidfile",
          join(scratch, "pid"),
        ],
        ...["-H", `unix://${scratch}/docker.sock`, "--bridge=none", "--iptables=false", "--ip-forward=false"],
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    )
    const lines = createInterface({ input: daemon.stderr! })
    for await (const line of lines) if (line.includes("API listen on")) break
    daemon.stderr!.resume()
  }, 60_000)

  afterAll(async () => {
    const ended = once(daemon, "exit")
    daemon.kill()
    await ended
    await stores[Symbol.asyncDispose]()
    rmSync(scratch, { recursive: true })
  }, 60_000)

  test("Docker loads what we save and has the same image, down to its ID", async () => {
    const { names, id } = await bootstrapImage(stores.scope, stores, "busybox")
    const { target } = await stores.images.get(stores.scope, names[0]!)
    const file = join(scratch, "ours.tar")
    writeFileSync(file, await collectBytes(stores.transfer.save(stores.scope, [{ target, names }])))
    expect((await docker("load", "-i", file)).toString()).toContain("Loaded image: busybox:latest")
    const inspected = JSON.parse((await docker("image", "inspect", "busybox:latest")).toString())
    expect([inspected[0].Id, inspected[0].Config.Cmd]).toEqual([id, ["sh"]])
  })

  test("we load what Docker saves: layers of its own making with deletions, links and attributes", async () => {
    const context = tarOf(
      ["Dockerfile", {}, "FROM busybox:latest\nADD tree.tar /tree\nENV A=b\nADD more.tar /tree\n"],
      [
        "tree.tar",
        {},
        tarOf(
          ["dir/", { type: "directory", mode: 0o1777 }],
          ["dir/file", { mode: 0o4755 }, "one"],
          ["link", { type: "hardlink", link: "dir/file" }],
        ),
      ],
      ["more.tar", {}, tarOf(["dir/file", {}, "two"], [Buffer.from([0x62, 0xff]), {}, "bytes"])],
    )
    const build = spawn("docker", ["-H", `unix://${scratch}/docker.sock`, "build", "-q", "-t", "built:v1", "-"], {
      stdio: ["pipe", "ignore", "inherit"],
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
    })
    build.stdin!.end(context)
    const [code] = await once(build, "exit")
    expect(code).toBe(0)
    const saved = await docker("save", "built:v1", "busybox:latest")
    await using other = await openStores()
    const loaded = await other.transfer.load(other.scope, inPieces(saved))
    expect(loaded.map((image) => image.name).sort()).toEqual([
      "docker.io/library/built:v1",
      "docker.io/library/busybox:latest",
    ])
    const { target } = await other.images.get(other.scope, "docker.io/library/built:v1")
    const image = await other.transfer.resolve(other.scope, target)
    expect(image.config.config?.Env).toContain("A=b")
    expect([image.config.architecture, image.config.rootfs.diff_ids.length]).toEqual([hostPlatform().architecture, 3])
    await other.snapshots.prepare(other.scope, "look", image.chainID)
    const tree = await collectBytes(other.differ.tree(other.scope, "look"))
    const file = join(scratch, "tree.tar")
    writeFileSync(file, tree)
    expect(spawnSync("tar", ["-xOf", file, "tree/dir/file", "tree/link"]).stdout.toString()).toBe("twoone")
    expect(readFileSync(file).includes(Buffer.from([0x62, 0xff]))).toBe(true)
  })
})
