import { afterAll, beforeAll, expect, test } from "bun:test"
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Outcome, TestDaemon } from "../fixtures/daemon.ts"

let daemon: TestDaemon
let folder: string
const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}
const refused = async (...args: string[]): Promise<string> => {
  const { code, stderr } = await daemon.docker(...args)
  expect(code).not.toBe(0)
  return stderr
}

beforeAll(async () => {
  daemon = await TestDaemon.start()
  folder = mkdtempSync(join(tmpdir(), "barge-mount-points-"))
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** Imports an image of busybox and what `fill` adds to its tree. */
async function image(name: string, fill: (root: string) => void): Promise<void> {
  const root = join(folder, name)
  mkdirSync(join(root, "bin"), { recursive: true })
  copyFileSync("/bin/busybox", join(root, "bin/busybox"))
  for (const applet of ["sh", "ls", "cat", "touch", "pwd", "stat", "sleep", "mkdir", "readlink", "echo", "grep"])
    symlinkSync("busybox", join(root, "bin", applet))
  fill(root)
  const archive = `${root}.tar`
  const { code, stderr }: Outcome = await daemon.run("tar", "-C", root, "-cf", archive, ".")
  if (code !== 0) throw new Error(stderr)
  await out("import", archive, name)
}

test("mounts and working directories on and below dangling links of the image lie where the links point to", async () => {
  await image("links", (root) => {
    symlinkSync("/data/store", join(root, "appstore"))
    symlinkSync("../../../relative", join(root, "above"))
    symlinkSync("appstore", join(root, "chain"))
    mkdirSync(join(root, "deep"))
    symlinkSync("nowhere/at/all", join(root, "deep/link"))
    writeFileSync(join(root, "file"), "")
    symlinkSync("/etc/named", join(root, "config"))
  })
  const run = (...args: string[]) => out("run", "--rm", ...args)
  const where = (path: string) => ["links", "sh", "-c", `grep -o ' ${path} ' /proc/self/mountinfo`]
  expect(await run("-v", "v1:/appstore", ...where("/data/store"))).toBe("/data/store")
  expect(await run("-v", "v1:/appstore/a/b", ...where("/data/store/a/b"))).toBe("/data/store/a/b")
  expect(await run("-v", "/above", ...where("/relative"))).toBe("/relative")
  expect(await run("--tmpfs", "/chain", ...where("/data/store"))).toBe("/data/store")
  expect(await run("--tmpfs", "/deep/link/x", ...where("/deep/nowhere/at/all/x"))).toBe("/deep/nowhere/at/all/x")
  const source = join(folder, "config")
  writeFileSync(source, "settings")
  expect(await run("-v", `${source}:/config:ro`, "links", "cat", "/etc/named")).toBe("settings")
  expect(await run("-w", "/appstore", "links", "pwd", "-P")).toBe("/data/store")
  expect(await run("-w", "/deep/link/here", "links", "pwd", "-P")).toBe("/deep/nowhere/at/all/here")
  expect(await run("-w", "/appstore/new", "-u", "1000", "links", "stat", "-c", "%a %u", ".")).toBe("755 0")
  // In a mount that is there before, what is missing is made in the mount.
  expect(await run("-v", "v2:/data", "--tmpfs", "/appstore", ...where("/data/store"))).toContain("/data/store")
  expect(await run("-v", "v2:/data", "links", "ls", "/data")).toBe("store")
  await out("volume", "rm", "v1", "v2")
})

test("a link that leads round in a circle, or through a file, is an error of this container alone", async () => {
  await image("broken", (root) => {
    symlinkSync("round", join(root, "round"))
    writeFileSync(join(root, "file"), "")
  })
  await refused("run", "--rm", "-v", "/round", "broken", "ls")
  await refused("run", "--rm", "-v", "/file/below", "broken", "ls")
  expect(await out("run", "--rm", "broken", "echo", "fine")).toBe("fine")
})

const odd: Readonly<Record<string, (root: string) => void>> = {
  "a link for /etc": (root) => symlinkSync("/usr/etc", join(root, "etc")),
  "a file for /etc": (root) => writeFileSync(join(root, "etc"), ""),
  "links for /dev, /proc and /sys": (root) => {
    for (const name of ["dev", "proc", "sys"]) symlinkSync(`/elsewhere/${name}`, join(root, name))
  },
  "files for /dev, /proc and /sys": (root) => {
    for (const name of ["dev", "proc", "sys"]) writeFileSync(join(root, name), "")
  },
  "dangling links in /etc": (root) => {
    mkdirSync(join(root, "etc"))
    for (const name of ["hosts", "hostname", "resolv.conf"]) symlinkSync(`../run/${name}`, join(root, "etc", name))
  },
  "links out of the root": (root) => {
    symlinkSync("../../../../../../..", join(root, "proc"))
    mkdirSync(join(root, "etc"))
    symlinkSync(`../../../../../../../..${join(folder, "outside")}`, join(root, "etc/hosts"))
  },
  "nothing but a program": () => {},
}

for (const [what, fill] of Object.entries(odd)) {
  test(`an image with ${what} starts and has what every container has`, async () => {
    const name = `odd-${what.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`
    writeFileSync(join(folder, "outside"), "untouched")
    await image(name, fill)
    const look = "cat /etc/hostname; grep -c localhost /etc/hosts; ls -d /proc/1/ns /sys/kernel /dev/null"
    const id = await out("create", "--hostname", "here", name, "sh", "-c", look)
    const seen = (await daemon.docker("start", "-a", id)).stdout
    expect(seen).toMatch(/^here\n[12]\n\/dev\/null\n\/proc\/1\/ns\n\/sys\/kernel\n$/)
    // It is no change of the container, and a copy finds the same.
    expect(await out("diff", id)).toBe("")
    expect(await out("cp", `${id}:/etc/hostname`, "-")).toContain("here")
    await out("rm", id)
    expect(await Bun.file(join(folder, "outside")).text()).toBe("untouched")
  })
}

test("a directory in the place of a file that every container gets is refused, as a directory", async () => {
  await image("hostsdir", (root) => mkdirSync(join(root, "etc/hosts"), { recursive: true }))
  expect(await refused("run", "--rm", "hostsdir", "ls")).toMatch(/not a directory|is a directory/i)
})

test("mounts in /proc, and over it, are refused in runc's words, also through a link of the image", async () => {
  await image("proclink", (root) => symlinkSync("/proc/sys", join(root, "link")))
  const typed = "cannot be mounted because it is not of type proc"
  const inside = "cannot be mounted because it is inside /proc"
  expect(await refused("run", "--rm", "-v", "vol:/proc", "proclink", "ls")).toContain(`"/proc" ${typed}`)
  expect(await refused("run", "--rm", "-v", "/proc", "proclink", "ls")).toContain(`"/proc" ${typed}`)
  expect(await refused("run", "--rm", "--tmpfs", "/proc", "proclink", "ls")).toContain(`"/proc" ${typed}`)
  expect(await refused("run", "--rm", "-v", "vol:/proc/sys", "proclink", "ls")).toContain(`"/proc/sys" ${inside}`)
  expect(await refused("run", "--rm", "-v", "vol:/link/net", "proclink", "ls")).toContain(`"/proc/sys/net" ${inside}`)
  await image("volumeproc", () => {})
  await out("import", "-c", "VOLUME /proc", join(folder, "volumeproc.tar"), "volumeproc")
  expect(await refused("run", "--rm", "volumeproc", "ls")).toContain(`"/proc" ${typed}`)
  expect(await out("run", "--rm", "-v", "/proc:/proc", "proclink", "echo", "host's")).toBe("host's")
  await out("volume", "rm", "vol")
})

test("a volume whose directories become links while containers start makes and mounts nothing outside the root", async () => {
  await image("plain", () => {})
  const outside = join(folder, "victim")
  mkdirSync(outside)
  await out("volume", "create", "shared")
  const data = await out("volume", "inspect", "-f", "{{.Mountpoint}}", "shared")
  const go = join(folder, "go")
  writeFileSync(go, "")
  // On the host the link leads out; in the container only to its own root.
  const swap = `cd ${data}; while [ -e ${go} ]; do rm -rf place; ln -s ${outside} place; rm place; mkdir place; done`
  const racing = daemon.run("sh", "-c", swap)
  const flags = ["-v", "shared:/v", "--tmpfs", "/v/place/new/sub", "-w", "/v/place/work"]
  await Promise.all(Array.from({ length: 40 }, () => daemon.docker("run", "--rm", ...flags, "plain", "touch", "file")))
  unlinkSync(go)
  await racing
  expect(readdirSync(outside)).toEqual([])
  expect(await out("run", "--rm", "-v", "shared:/v", "--tmpfs", "/v/place/new/sub", "plain", "echo", "fine")).toBe(
    "fine",
  )
  await out("volume", "rm", "shared")
})
