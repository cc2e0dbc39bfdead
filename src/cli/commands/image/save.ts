import { open, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { newId, shortId } from "../../../std/id.ts"
import { atLeast, command, Exit } from "../../command.ts"
import { text } from "../../flags/flag.ts"

export const save = command({
  use: "save [OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  complete: "images",
  flags: { output: text("o", "Write to a file, instead of STDOUT") },
  run: async ({ args, flags, docker, out }) => {
    if (!flags.output && out.isTerminal)
      throw new Exit(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect")
    if (flags.output) await requireFolder(flags.output)
    const archive = await docker.images.save(args)
    if (flags.output) await writeWhole(flags.output, archive)
    else for await (const bytes of archive) await out.stream(bytes)
  },
})

async function requireFolder(path: string): Promise<void> {
  const folder = dirname(path)
  const found = await stat(folder).catch(() => undefined)
  const wrong = (what: string) => new Exit(1, `failed to save image: ${what}`)
  if (!found?.isDirectory()) throw wrong(`invalid output path: stat ${folder}: no such file or directory`)
  const existing = await stat(path).catch(() => undefined)
  if (existing?.isDirectory()) throw wrong("cannot write to a directory")
}

/** Writes a file that appears only when it is complete; a device or pipe is written directly. */
async function writeWhole(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const existing = await stat(path).catch(() => undefined)
  const direct = existing !== undefined && !existing.isFile()
  const target = direct ? path : join(dirname(path), `.tmp-${basename(path)}${shortId(newId())}`)
  const file = await open(target, "w", 0o600)
  try {
    for await (const chunk of bytes) await file.writeFile(chunk)
    await file.close()
    if (!direct) await rename(target, path)
  } catch (error) {
    await file.close().catch(() => undefined)
    if (!direct) await rm(target, { force: true })
    throw error
  }
}
