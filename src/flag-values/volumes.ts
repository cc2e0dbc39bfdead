import { resolve } from "node:path"
import { Failure } from "../errors/failure.ts"

/** The values of `-v`, sorted by the field of the request that they belong to. */
export interface VolumeWords {
  /** `source:target[:options]` */
  readonly binds: readonly string[]
  /** Targets of volumes without a name. */
  readonly anonymous: readonly string[]
}

/** Sorts the `-v` words; a source that begins with a dot is a path of this machine's current folder. @throws invalidArgument in Docker's words */
export function parseVolumes(words: readonly string[]): VolumeWords {
  const binds = new Set<string>()
  const anonymous = new Set<string>()
  for (const word of words) {
    const source = sourceOf(word)
    if (source === undefined) anonymous.add(word)
    else binds.add(source.startsWith(".") ? `${resolve(source)}${word.slice(source.length)}` : word)
  }
  return { binds: [...binds], anonymous: [...anonymous] }
}

/** The part before the target; undefined when the word names a target only. A letter and a colon are a Windows drive. */
function sourceOf(word: string): string | undefined {
  if (word === "") throw new Failure("invalidArgument", "invalid empty volume spec")
  if (word.length <= 2) return undefined
  const sections = word.split(":")
  for (let at = 0; at < sections.length - 1; ) {
    if (/^\p{Letter}$/u.test(sections[at]!)) sections.splice(at, 2, `${sections[at]}:${sections[at + 1]}`)
    else at++
  }
  if (sections.includes("")) throw new Failure("invalidArgument", `invalid spec: ${word}: empty section between colons`)
  if (sections.length > 3) throw new Failure("invalidArgument", `invalid spec: ${word}: too many colons`)
  return sections.length > 1 ? sections[0] : undefined
}
