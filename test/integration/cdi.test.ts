import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { TestDaemon } from "../fixtures/daemon.ts"

let daemon: TestDaemon
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "barge-cdi-"))
  mkdirSync(join(folder, "given"))
  writeFileSync(join(folder, "given", "library"), "from the vendor")
  writeFileSync(
    join(folder, "vendor.yaml"),
    `cdiVersion: 0.6.0
kind: vendor.com/device
containerEdits:
  env: [COMMON=1]
devices:
  - name: foo
    containerEdits:
      env: [FOO=injected]
      deviceNodes:
        - {path: /dev/foo, hostPath: /dev/zero, permissions: r}
      mounts:
        - {hostPath: ${join(folder, "given")}, containerPath: /vendor, options: [ro, rbind]}
      additionalGids: [4711]
  - name: bar
    containerEdits:
      deviceNodes: [{path: /dev/bar, type: c, major: 1, minor: 3, fileMode: 438}]
`,
  )
  writeFileSync(
    join(folder, "gpu.json"),
    JSON.stringify({
      cdiVersion: "0.6.0",
      kind: "nvidia.com/gpu",
      devices: ["0", "1", "all"].map((name) => ({ name, containerEdits: { env: [`GPU_${name}=yes`] } })),
    }),
  )
  writeFileSync(join(folder, "broken.yaml"), "kind: nothing\n")
  daemon = await TestDaemon.start(["--cdi-spec-dir", folder])
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

test("a device that is described brings its node, mounts, variables and groups", async () => {
  const script = "env; head -c 2 /dev/foo | wc -c; cat /vendor/library; echo; id -G; ls -l /dev/bar"
  const { stdout, stderr } = await daemon.docker(
    "run",
    "--rm",
    "--device",
    "vendor.com/device=foo",
    "--device",
    "vendor.com/device=bar",
    "busybox",
    "sh",
    "-c",
    script,
  )
  expect(stderr).toBe("")
  const lines = stdout.split("\n")
  for (const line of ["FOO=injected", "COMMON=1", "2", "from the vendor"]) expect(lines).toContain(line)
  expect(stdout).toMatch(/^0 .*\b4711$/m)
  expect(stdout).toMatch(/^crw-rw-rw- .* 1, +3 .*\/dev\/bar$/m)
})

test("a device that is not described fails the start, and what could not be read is said", async () => {
  const { code, stderr } = await daemon.docker("run", "--rm", "--device", "vendor.com/device=no", "busybox", "true")
  expect(code).toBe(125)
  expect(stderr).toContain("CDI device injection failed: unresolvable CDI devices vendor.com/device=no")
  expect(stderr).toContain("broken.yaml: it has no kind of the form vendor/class")
})

test("--gpus gives NVIDIA's devices where they are described: all, so many, or by name", async () => {
  const gpus = async (words: string) =>
    (await daemon.docker("run", "--rm", "--gpus", words, "busybox", "env")).stdout
      .split("\n")
      .filter((line) => line.startsWith("GPU_"))
      .join(" ")
  expect(await gpus("all")).toBe("GPU_all=yes")
  expect(await gpus("2")).toBe("GPU_0=yes GPU_1=yes")
  expect(await gpus("device=1")).toBe("GPU_1=yes")
})

test("info names the directories and the devices", async () => {
  const { body } = await daemon.json<{ CDISpecDirs: string[]; DiscoveredDevices: { ID: string }[] }>("GET", "/info")
  expect(body.CDISpecDirs).toEqual([folder])
  expect(body.DiscoveredDevices.map((device) => device.ID)).toContain("vendor.com/device=foo")
})
