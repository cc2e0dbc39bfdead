import { Failure } from "../errors/failure.ts"

/** What a manifest is for (OCI image spec, "Image Index", `platform`). */
export interface Platform {
  readonly architecture: string
  readonly os: string
  readonly variant?: string
  readonly "os.version"?: string
  readonly "os.features"?: readonly string[]
}

/** The platform of this host in OCI's words (`amd64`, `arm64`). */
export function hostPlatform(): Platform {
  return process.arch === "arm64"
    ? { os: "linux", architecture: "arm64", variant: "v8" }
    : { os: "linux", architecture: "amd64" }
}

/** `linux/arm64/v8` and the like, as people write it. */
export const formatPlatform = (platform: Platform): string =>
  [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/")

const knownSystems = [
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos",
]
  .join(" ")
  .split(" ")
const knownArchitectures = [
  "386 amd64 arm arm64 armbe arm64be loong64 mips mips64 mips64le mips64p32 mips64p32le mipsle ppc ppc64 ppc64le",
  "riscv riscv64 s390 s390x sparc sparc64 wasm",
]
  .join(" ")
  .split(" ")

/**
 * Parses `os/arch[/variant]`, one of them alone, and the kernel's names for architectures, by containerd's rules.
 * @throws invalidArgument in containerd's words
 */
export function parsePlatform(text: string): Platform {
  const refuse = (problem: string) => new Failure("invalidArgument", `${problem}: invalid argument`)
  const parts = text.split("/")
  for (const [at, part] of parts.entries()) {
    if (at === 0 && !/^[A-Za-z0-9_.-]+(?:\([A-Za-z0-9_.-]*\))?$/.test(part)) {
      throw refuse(
        `"${part}" is an invalid OS component of "${text}": OSAndVersion specifier component must match "^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.-]*)\\\\))?$"`,
      )
    }
    if (at > 0 && !/^[A-Za-z0-9_.-]+$/.test(part)) {
      throw refuse(
        `"${part}" is an invalid component of "${text}": platform specifier component must match "^[A-Za-z0-9_.-]+$"`,
      )
    }
  }
  const [first = "", architecture, variant] = parts
  const system = /^([^(]+)(?:\((.*)\))?$/.exec(first)!
  const name = system[1]!.toLowerCase()
  const os = name === "macos" ? "darwin" : name
  const version = system[2] ? { "os.version": system[2] } : {}
  const host = hostPlatform()
  if (parts.length > 3) throw refuse(`"${text}": cannot parse platform specifier`)
  if (architecture !== undefined) return { os, ...version, ...normalArchitecture(architecture, variant) }
  if (knownSystems.includes(os)) return { ...host, os, ...version }
  const alone = normalArchitecture(first, undefined)
  if (knownArchitectures.includes(alone.architecture)) return { os: host.os, ...alone }
  throw refuse(`"${text}": unknown operating system or architecture`)
}

/** An architecture under Go's name. Variants that say what is meant anyway are left out. */
function normalArchitecture(name: string, given: string | undefined): Pick<Platform, "architecture" | "variant"> {
  const architecture = name.toLowerCase()
  const variant = given?.toLowerCase()
  switch (architecture) {
    case "i386":
      return { architecture: "386" }
    case "x86_64":
    case "x86-64":
    case "amd64":
      return { architecture: "amd64", ...(variant && variant !== "v1" ? { variant } : {}) }
    case "aarch64":
    case "arm64":
      return { architecture: "arm64", ...(variant && variant !== "8" && variant !== "v8" ? { variant } : {}) }
    case "armhf":
      return { architecture: "arm", variant: "v7" }
    case "armel":
      return { architecture: "arm", variant: "v6" }
    case "arm":
      return { architecture: "arm", variant: /^\d/.test(variant ?? "") ? `v${variant}` : (variant ?? "v7") }
    default:
      return { architecture, ...(variant ? { variant } : {}) }
  }
}

const normalPlatform = ({ variant, architecture, ...rest }: Platform): Platform => ({
  ...rest,
  ...normalArchitecture(architecture, variant),
})

/** Whether an image made for `candidate` runs where `wanted` is asked for. */
export function matchesPlatform(one: Platform, other: Platform): boolean {
  const [wanted, candidate] = [normalPlatform(one), normalPlatform(other)]
  if (wanted.os !== candidate.os || wanted.architecture !== candidate.architecture) return false
  const normal = (platform: Platform) =>
    platform.architecture === "arm64" ? (platform.variant ?? "v8") : (platform.variant ?? "")
  return !wanted.variant || !candidate.variant || normal(wanted) === normal(candidate)
}

const armVariants = ["v8", "v7", "v6", "v5"]

/**
 * How well a host of platform `wanted` runs what was made for `candidate`: 0 is best; undefined when it does not. Newer
 * variants of a processor run what was made for older ones, and 64-bit processors their 32-bit forerunners' programs.
 */
export function platformDistance(one: Platform, other: Platform): number | undefined {
  const [wanted, candidate] = [normalPlatform(one), normalPlatform(other)]
  if (wanted.os !== candidate.os) return undefined
  const { architecture } = wanted
  const level = (platform: Platform) => platform.variant ?? defaultVariants[platform.architecture] ?? ""
  if (candidate.architecture === architecture) {
    if (level(wanted) === level(candidate)) return 0
    if (architecture === "arm") {
      const below = armVariants.indexOf(level(candidate)) - armVariants.indexOf(level(wanted))
      return below > 0 && armVariants.includes(level(wanted)) ? below : undefined
    }
    const below = numberOf(level(wanted)) - numberOf(level(candidate))
    return below >= 0 ? Math.max(1, below) : undefined
  }
  if (architecture === "amd64" && candidate.architecture === "386") return 100
  if (architecture === "arm64" && candidate.architecture === "arm") {
    return 100 + Math.max(0, armVariants.indexOf(level(candidate)))
  }
  return undefined
}

const defaultVariants: Readonly<Record<string, string>> = { arm64: "v8", arm: "v7", amd64: "v1" }

const numberOf = (variant: string): number => Number(/^v(\d+)/.exec(variant)?.[1] ?? 0)
