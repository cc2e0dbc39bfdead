import { messageOf } from "../../errors/failure.ts"
import { Exit } from "../command.ts"
import { type Flag, text, texts } from "./flag.ts"

/** A platform as the API takes it. */
export interface Platform {
  readonly architecture: string
  readonly os: string
  readonly "os.version"?: string
  readonly variant?: string
}

const systems =
  /^(aix|android|darwin|dragonfly|freebsd|hurd|illumos|ios|js|linux|nacl|netbsd|openbsd|plan9|solaris|windows|zos)$/
const architectures =
  /^(386|amd64(p32)?|arm(be)?|arm64(be)?|ppc(64(le)?)?|loong64|mips(64)?(p32)?(le)?|riscv(64)?|s390x?|sparc(64)?|wasm)$/

/**
 * Parses `os[(version)][/arch[/variant]]`, or an architecture alone, normalizing spellings.
 * @throws Error in containerd's words
 */
export function parsePlatform(text: string): Platform {
  const fail = (what: string) => new Error(`${what}: invalid argument`)
  const quoted = JSON.stringify(text)
  if (text.includes("*")) throw fail(`${quoted}: wildcards not yet supported`)
  const [first = "", ...rest] = text.split("/")
  const system = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$/.exec(first)
  if (!system) {
    const rule = String.raw`"^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.-]*)\\))?$"`
    throw fail(
      `${JSON.stringify(first)} is an invalid OS component of ${quoted}: OSAndVersion specifier component must match ${rule}`,
    )
  }
  for (const part of rest.slice(0, 2))
    if (!/^[A-Za-z0-9_.-]+$/.test(part))
      throw fail(
        `${JSON.stringify(part)} is an invalid component of ${quoted}: platform specifier component must match "^[A-Za-z0-9_.-]+$"`,
      )
  if (rest.length > 2) throw fail(`${quoted}: cannot parse platform specifier`)
  const named = system[1]!.toLowerCase().replace(/^macos$/, "darwin")
  const version = system[2] ? { "os.version": system[2] } : {}
  if (rest.length === 0 && systems.test(named)) return { ...architectureOf(ours, ""), os: named, ...version }
  if (rest.length === 0) {
    const guess = architectureOf(first, "")
    if (!architectures.test(guess.architecture)) throw fail(`${quoted}: unknown operating system or architecture`)
    return { ...guess, os: "linux" }
  }
  const chosen = architectureOf(rest[0]!, rest[1] ?? "")
  const variant = rest.length > 1 && chosen.architecture === "arm64" && !chosen.variant ? { variant: "v8" } : {}
  return { ...chosen, ...variant, os: named, ...version }
}

/** `linux/arm64/v8`. */
export const platformText = (platform: Platform): string =>
  [
    platform["os.version"] ? `${platform.os}(${platform["os.version"]})` : platform.os,
    platform.architecture,
    ...(platform.variant ? [platform.variant] : []),
  ].join("/")

const ours = process.arch === "arm64" ? "arm64" : "amd64"

function architectureOf(name: string, kind: string): { readonly architecture: string; readonly variant?: string } {
  const [architecture, variant] = normalized(name.toLowerCase(), kind.toLowerCase())
  // The variant that every tool takes for granted is left out where it was not asked for.
  return variant && !(architecture === "arm" && variant === "v7" && kind === "")
    ? { architecture, variant }
    : { architecture }
}

function normalized(name: string, variant: string): readonly [architecture: string, variant: string] {
  switch (name) {
    case "i386":
      return ["386", ""]
    case "x86_64":
    case "x86-64":
    case "amd64":
      return ["amd64", variant === "v1" ? "" : variant]
    case "aarch64":
    case "arm64":
      return ["arm64", /^v?8(\.0)?$/.test(variant) ? "" : /^(9|v?9\.0)$/.test(variant) ? "v9" : variant]
    case "armhf":
      return ["arm", "v7"]
    case "armel":
      return ["arm", "v6"]
    case "arm":
      return ["arm", variant === "" ? "v7" : variant.replace(/^([5678])$/, "v$1")]
    default:
      return [name, variant]
  }
}

/** `--platform` of commands that pick a variant of an image; "" when not given. */
export const platformFlag = (usage: string): Flag<string> => text("", usage)

/** `--platform` of commands that take some variants of an image. */
export const platformsFlag = (usage: string): Flag<readonly string[]> => texts("", usage)

/** The platforms as queries of the API take them. @throws Exit 1 in docker's words */
export const platformQueries = (given: readonly string[], prefix?: string): readonly string[] =>
  given.flatMap((each) => platformQuery(each, prefix) ?? [])

/** The platform as queries of the API take it; undefined when none was given. @throws Exit 1 in docker's words */
export function platformQuery(given: string, prefix = "invalid platform: "): string | undefined {
  if (given === "") return undefined
  try {
    return JSON.stringify(parsePlatform(given))
  } catch (error) {
    throw new Exit(1, `${prefix}${messageOf(error)}`)
  }
}

/** `--platform` of commands that make something for one; DOCKER_DEFAULT_PLATFORM when not given. */
export const defaultPlatformFlag = (): Flag<string> =>
  text("", "Set platform if server is multi-platform capable", process.env["DOCKER_DEFAULT_PLATFORM"])
