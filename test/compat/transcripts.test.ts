import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { transcript } from "../fixtures/transcript.ts"

const folder = join(import.meta.dir, "transcripts")

for (const name of readdirSync(folder).sort()) {
  const lines = readFileSync(join(folder, name), "utf8").split("\n")
  transcript(
    name.replace(/\.txt$/, ""),
    lines.filter((line) => line !== "" && !line.startsWith("#")),
    name === "experimental.txt" ? ["--experimental"] : [],
  )
}
