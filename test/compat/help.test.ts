import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdirSync, symlinkSync } from "node:fs"
import { executable, type Outcome, runProgram, TestDaemon } from "../fixtures/daemon.ts"
import { note, otherWords } from "../fixtures/docker-cli.ts"

/**
 * Commands of docker that Barge does not have, or that are not compared; what Barge has on top is left out by itself. Both have
 * `manifest`, but docker's help says that it is experimental.
 */
const theirs: Readonly<Record<string, readonly string[]>> = {
  "": ["build", "manifest", "trust"],
  builder: ["build"],
  image: ["build"],
}

/** Words of docker 28, the measure here, that Barge has as docker 29 says them. */
const sinceThen: readonly (readonly [RegExp, string])[] = [
  [/\(default hides intermediate images\)/, "(default hides intermediate and dangling images)"],
  [/\(default hides intermediate and\s+dangling\s+images\)/, "(default hides intermediate and dangling images)"],
]

/** Warnings of docker's own that follow some help texts. */
const deprecation = /^DEPRECATED:[\s\S]*/m

describe.skipIf(otherWords !== undefined)(`docker and barge give the same help${note(otherWords)}`, () => {
  let daemon: TestDaemon
  beforeAll(async () => {
    // Without it docker hides what it has for such daemons.
    daemon = await TestDaemon.start(["--experimental"])
    mkdirSync(`${daemon.root}/bin`)
    symlinkSync(executable, `${daemon.root}/bin/docker`)
  })
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
  })

  const help = async (program: "docker" | "barge", path: readonly string[]): Promise<Outcome> =>
    runProgram(program === "docker" ? "docker" : `${daemon.root}/bin/docker`, [...path, "--help"], {
      env: { DOCKER_HOST: `unix://${daemon.socket}`, HOME: daemon.root },
    })

  test("of every command and group", async () => {
    const compare = async (path: readonly string[]): Promise<number> => {
      const [docker, barge] = await Promise.all([help("docker", path), help("barge", path)])
      const name = path.join(" ")
      const known = new Set(namesIn(docker.stdout))
      const onTop = namesIn(barge.stdout).filter((each) => !known.has(each))
      expect({ name, ...cleaned(barge, [...onTop, ...(theirs[name] ?? [])]) }).toEqual({
        name,
        ...cleaned(docker, theirs[name]),
      })
      let compared = 1
      for (const command of commandsOf(docker.stdout))
        if (!theirs[name]?.includes(command)) compared += await compare([...path, command])
      return compared
    }
    expect(await compare([])).toBeGreaterThan(120)
  })
})

/** The commands that a help text lists. */
function commandsOf(text: string): readonly string[] {
  return [...text.matchAll(/^(?:[A-Z][a-z]+ )?Commands:\n((?: {2}.*\n)+)/gm)].flatMap(([, rows]) =>
    [...rows!.matchAll(/^ {2}([a-z][\w-]*)\*? /gm)].map(([, name]) => name!),
  )
}

/** The commands and flags that a help text lists. */
const namesIn = (text: string): readonly string[] => [
  ...commandsOf(text),
  ...[...text.matchAll(/^ +(?:-\w, )?--([\w-]+)/gm)].map(([, name]) => name!),
]

/** An outcome without the rows of these commands and flags. */
function cleaned({ code, stdout }: Outcome, without: readonly string[] = []) {
  const rows = without.map((name) => new RegExp(`^ +(?:--)?${name} .*\\n(?: {20,}.*\\n)*`, "gm"))
  const changed = sinceThen.reduce((text, [theirs, ours]) => text.replace(theirs, ours), stdout)
  return { code, stdout: rows.reduce((text, row) => text.replace(row, ""), changed).replace(deprecation, "") }
}
