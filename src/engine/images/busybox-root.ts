import { execFile } from "node:child_process"
import { constants } from "node:fs"
import { access, open, readFile, stat } from "node:fs/promises"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"
import { Failure } from "../../errors/failure.ts"
import type { TarEntry } from "../../std/tar/entry.ts"
import { encodeHeader, endOfArchive, paddingBytes } from "../../std/tar/writer.ts"

const accounts: Readonly<Record<string, string>> = {
  "etc/passwd": [
    "root:x:0:0:root:/root:/bin/sh",
    "daemon:x:1:1:daemon:/usr/sbin:/bin/false",
    "bin:x:2:2:bin:/bin:/bin/false",
    "sys:x:3:3:sys:/dev:/bin/false",
    "mail:x:8:8:mail:/var/mail:/bin/false",
    "www-data:x:33:33:www-data:/var/www:/bin/false",
    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false",
  ].join("\n"),
  "etc/group": [
    "root:x:0:",
    "daemon:x:1:",
    "bin:x:2:",
    "sys:x:3:",
    "tty:x:5:",
    "mail:x:8:",
    "wheel:x:10:root",
    "www-data:x:33:",
    "users:x:100:",
    "nogroup:x:65534:",
  ].join("\n"),
}

const directories: Readonly<Record<string, number>> = {
  bin: 0o755,
  dev: 0o755,
  etc: 0o755,
  home: 0o755,
  proc: 0o555,
  root: 0o700,
  run: 0o755,
  sbin: 0o755,
  sys: 0o555,
  tmp: 0o1777,
  usr: 0o755,
  "usr/bin": 0o755,
  "usr/sbin": 0o755,
  var: 0o755,
  "var/log": 0o755,
  "var/tmp": 0o1777,
}

/**
 * A root file system with nothing but a static busybox and what names users: the same program gives the same bytes.
 * @returns the archive and the program's own time, which all entries have (nanoseconds since the epoch)
 * @throws notFound, saying what to install, when the host has no static busybox
 */
export async function busyboxRoot(): Promise<{ readonly archive: Buffer; readonly time: bigint }> {
  const program = await findProgram()
  const bytes = await readFile(program)
  const time = BigInt(Math.floor((await stat(program)).mtimeMs / 1000)) * 1_000_000_000n
  const { stdout } = await promisify(execFile)(program, ["--list-full"])
  const links = stdout
    .split("\n")
    .map((path) => path.trim().replace(/^\//, ""))
    .filter((path) => /^(usr\/)?s?bin\/[^/]+$/.test(path) && path !== "bin/busybox")

  const entries = new Map<string, { readonly entry: Partial<TarEntry>; readonly content?: Buffer }>()
  for (const [path, mode] of Object.entries(directories))
    entries.set(`${path}/`, { entry: { type: "directory", mode } })
  for (const [path, lines] of Object.entries(accounts))
    entries.set(path, { entry: {}, content: Buffer.from(`${lines}\n`) })
  for (const path of links) {
    entries.set(path, { entry: { type: "symlink", mode: 0o777, linkName: Buffer.from("/bin/busybox") } })
  }
  entries.set("bin/busybox", { entry: { mode: 0o755 }, content: bytes })

  const parts = [...entries]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([path, { entry, content = Buffer.alloc(0) }]) => [
      encodeHeader({
        name: Buffer.from(path),
        type: "file",
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: content.length,
        mtime: time,
        ...entry,
      }),
      content,
      paddingBytes(content.length),
    ])
  return { archive: Buffer.concat([...parts, endOfArchive]), time }
}

async function findProgram(): Promise<string> {
  let dynamic: string | undefined
  for (const directory of ["/bin", "/usr/bin", "/usr/local/bin", ...(process.env["PATH"] ?? "").split(delimiter)]) {
    for (const name of ["busybox", "busybox-static", "busybox.static"]) {
      const path = join(directory, name)
      if (!(await isExecutable(path))) continue
      if (await isStatic(path)) return path
      dynamic = path
    }
  }
  const found = dynamic ? `${dynamic} needs shared libraries` : "this host has no busybox"
  throw new Failure(
    "notFound",
    `${found}: install a static one (Debian, Ubuntu: apt-get install busybox-static; Fedora: dnf install busybox; Alpine: apk add busybox-static) and try again`,
  )
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  )

/** Whether a program of this machine's word size asks for no interpreter (ELF, program header PT_INTERP). */
async function isStatic(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const head = Buffer.alloc(64)
    await file.read(head, 0, 64, 0)
    if (head.toString("latin1", 0, 4) !== "\x7fELF" || head[4] !== 2) return false
    const offset = Number(head.readBigUInt64LE(32))
    const size = head.readUInt16LE(54)
    const count = head.readUInt16LE(56)
    const headers = Buffer.alloc(size * count)
    await file.read(headers, 0, headers.length, offset)
    for (let at = 0; at < count; at++) if (headers.readUInt32LE(at * size) === 3) return false
    return true
  } finally {
    await file.close()
  }
}
