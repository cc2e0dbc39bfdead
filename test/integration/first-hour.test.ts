import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { type Outcome, runProgram } from "../fixtures/daemon.ts"
import { OwnNetwork } from "../fixtures/own-network.ts"

const scripts = resolve(import.meta.dir, "../../scripts")

describe("a newcomer's first hour", () => {
  let network: OwnNetwork
  let root: string
  const cgroup = `first-hour-${process.pid}`
  beforeAll(async () => {
    network = await OwnNetwork.make()
    root = mkdtempSync(join(tmpdir(), "first-hour-"))
  })
  afterAll(async () => {
    await script("stop")
    await network?.[Symbol.asyncDispose]()
    rmSync(root, { recursive: true, force: true })
    const { stdout } = await runProgram("find", ["/sys/fs/cgroup", "-maxdepth", "2", "-name", cgroup])
    for (const left of stdout.split("\n").filter(Boolean)) rmdirSync(left)
  })

  const environment = () => ({ BARGE_RUN_ROOT: `${root}/run`, DESTDIR: `${root}/system`, NO_COLOR: "1" })
  const script = (name: string, ...flags: readonly string[]): Promise<Outcome> =>
    runProgram("nsenter", [`--net=/run/netns/${network.name}`, process.execPath, `${scripts}/${name}.mjs`, ...flags], {
      env: environment(),
    })
  const start = () => script("start", "--data-root", `${root}/data`, "--cgroup-parent", `/${cgroup}`)
  const barge = (...args: readonly string[]) =>
    runProgram(resolve(scripts, "../dist/barge"), ["-H", `unix://${root}/run/barge.sock`, ...args])
  const pid = () => readFileSync(`${root}/run/barge.pid`, "utf8")
  const mounts = () =>
    readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .filter((line) => line.includes(root))

  test("npm start starts a daemon and runs a first container", async () => {
    const { code, stdout } = await start()
    expect(code).toBe(0)
    expect(stdout).toContain("Starting the daemon\n")
    expect(stdout).toContain("Hello from a container on Barge\n")
    expect(stdout).toContain(`barge -H unix://${root}/run/barge.sock run --rm -it busybox sh`)
  })

  test("a second npm start leaves the daemon alone", async () => {
    const before = pid()
    const { code, stdout } = await start()
    expect({ code, pid: pid() }).toEqual({ code: 0, pid: before })
    expect(stdout).toContain("The daemon runs already\n")
    expect(stdout).toContain("Hello from a container on Barge\n")
  })

  test("npm run stop ends containers and daemon, and npm start goes on from there", async () => {
    await barge("run", "-d", "--name", "web", "--restart", "always", "busybox", "sleep", "100000")
    const stopped = await script("stop")
    expect(stopped).toMatchObject({ code: 0, stderr: "" })
    expect(stopped.stdout).toContain("Stopping 1 running container\n")
    expect(stopped.stdout).toContain(`kept in ${root}/data;`)
    expect(existsSync(`${root}/run/barge.pid`)).toBe(false)
    expect((await script("stop")).stdout).toBe("No daemon runs\n")
    expect((await start()).code).toBe(0)
    expect((await barge("ps", "-a", "--format", "{{.Names}} {{.State}}")).stdout).toBe("web running\n")
    expect((await barge("rm", "-f", "web")).code).toBe(0)
  })

  test("install-system puts the files in place, and uninstall-system leaves a daemon of npm start alone", async () => {
    const installed = await script("install-system")
    expect(installed).toMatchObject({ code: 0 })
    for (const path of [
      "usr/local/bin/barge",
      "etc/systemd/system/barge.service",
      "etc/systemd/system/barge.socket",
      "usr/share/bash-completion/completions/barge",
    ])
      expect([path, existsSync(`${root}/system/${path}`)]).toEqual([path, true])
    const { code, stdout } = await script("uninstall-system")
    expect(code).toBe(0)
    expect(stdout).toContain("The daemon that npm start began runs on; npm run stop ends it.\n")
    expect(stdout).not.toContain("rm -r")
    expect((await barge("version")).code).toBe(0)
    expect((await script("uninstall-system")).stdout).toBe("Nothing is installed here\n")
  })

  test("uninstall-system stops containers, daemon, shim, bridges and mounts, and says what stays", async () => {
    expect((await script("stop")).code).toBe(0)
    expect((await script("install-system")).code).toBe(0)
    const daemon = Bun.spawn(
      [
        "nsenter",
        `--net=/run/netns/${network.name}`,
        `${root}/system/usr/local/bin/barge`,
        "daemon",
        ...["--data-root", `${root}/data`, "--exec-root", `${root}/run`, "--cgroup-parent", `/${cgroup}`],
      ],
      { stdout: "ignore", stderr: "pipe" },
    )
    for await (const chunk of daemon.stderr) if (new TextDecoder().decode(chunk).includes("is ready")) break
    expect((await barge("network", "create", "own")).code).toBe(0)
    expect((await barge("run", "-d", "--restart", "always", "busybox", "sleep", "100000")).code).toBe(0)
    expect((await barge("run", "-d", "--network", "own", "busybox", "sleep", "100000")).code).toBe(0)
    expect(await network.links()).not.toEqual([])
    expect(mounts()).not.toEqual([])
    const { code, stdout } = await script("uninstall-system")
    expect(code).toBe(0)
    expect(stdout).toContain("Stopping 2 running containers\n")
    expect(stdout).toEndWith(
      `\nImages, containers and volumes are still in ${root}/data, and settings in /etc/barge.\nWhen they are not wanted: rm -r ${root}/data\n`,
    )
    await daemon.exited
    expect(mounts()).toEqual([])
    expect(await network.links()).toEqual([])
    expect((await runProgram("pgrep", ["-f", root])).stdout).toBe("")
    expect(existsSync(`${root}/system/usr/local/bin/barge`)).toBe(false)
    expect(existsSync(`${root}/data/barge.db`)).toBe(true)
  })

  test("uninstall-system does not advise to remove data that are in use", async () => {
    expect((await script("install-system")).code).toBe(0)
    mkdirSync(`${root}/system/etc/barge`)
    writeFileSync(`${root}/system/etc/barge/daemon.json`, JSON.stringify({ "data-root": `${root}/data` }))
    await runProgram("mount", ["-t", "tmpfs", "none", `${root}/data/volumes`])
    const { stdout } = await script("uninstall-system")
    await runProgram("umount", [`${root}/data/volumes`])
    expect(stdout).toContain(`Still mounted: ${root}/data/volumes\n`)
    expect(stdout).not.toContain("rm -r")
  })
})
