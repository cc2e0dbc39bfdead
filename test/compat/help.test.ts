import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdirSync, symlinkSync } from "node:fs"
import { executable, type Outcome, runProgram, TestDaemon } from "../fixtures/daemon.ts"
import { dockerMajor, note, otherWords } from "../fixtures/docker-cli.ts"

/**
 * Commands of docker that Barge does not have, or that are not compared; what Barge has on top is left out by itself. Both have
 * `manifest`, but docker's help says that it is experimental.
 */
const theirs: Readonly<Record<string, readonly string[]>> = {
  "": ["build", "manifest", "trust"],
  builder: ["build"],
  image: ["build"],
}

/** Rows and words of docker 28's help, each on one line with single spaces, and docker 29's in their place. */
const changes: readonly (readonly [RegExp, string])[] = [
  [/^ --disable-content-trust Skip image (verification|signing) \(default true\)\n/gm, ""],
  [/\nOptions:\n$/g, ""],
  [/^ --kernel-memory bytes Kernel memory limit\n/gm, ""],
  [/^( -H, --host) list /gm, "$1 string "],
  [/^( --ip6?) string (IPv)/gm, "$1 ip $2"],
  [/^( --link-local-ip) strings (.*)$/gm, "$1 ipSlice $2 (default [])"],
  [/^( --gateway) strings (.*)$/gm, "$1 ipSlice $2 (default [])"],
  [/^( --ip-range) strings (.*)$/gm, "$1 ipNetSlice $2 (default [])"],
  [/^ -p, --pause Pause container during commit \(default true\)\n/gm, ""],
  [/(Password or Personal Access Token \(PAT\))$/gm, '$1, or "-" to read from stdin'],
  [/^( --password-stdin .*), or "-" to read from stdin$/gm, "$1"],
  [/Always follow symbol link in/g, "Always follow symlinks in"],
  [/"\|missing"/g, '"missing"'],
  [/Set the current docker context/g, "Set the default docker context"],
  [
    /^( --platform) string (Save|Load) only the given platform variant\. Formatted as "os\[\/arch\[\/variant\]\]" \(e\.g\., "linux\/amd64"\)$/gm,
    '$1 strings $2 only the given platform(s). Formatted as a comma-separated list of "os[/arch[/variant]]" (e.g., "linux/amd64,linux/arm64/v8")',
  ],
  [/^( --platform strings Load .*"\))$/gm, "$1."],
  [/\(default hides intermediate images\)/g, "(default hides intermediate and dangling images)"],
]

/** A help text with each row on one line, whatever the width of its columns. */
const unwrapped = (text: string): string => text.replace(/\n {15,}(?=\S)/g, " ").replace(/ {2,}/g, " ")

/** What docker says, and Barge, as docker 29 says it: to the letter where docker is 29. */
const inNewWords = (text: string): string =>
  dockerMajor < 29 ? changes.reduce((said, [before, now]) => said.replace(before, now), unwrapped(text)) : text

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
  return {
    code,
    stdout: inNewWords(rows.reduce((text, row) => text.replace(row, ""), stdout).replace(deprecation, "")),
  }
}
