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

/** Parses `os/arch[/variant]`, `arch` alone, and the kernel's names for architectures. */
export function parsePlatform(text: string): Platform | undefined {
  const parts = text.toLowerCase().split("/")
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) return undefined
  const known: Record<string, string> = { x86_64: "amd64", aarch64: "arm64", i386: "386", armhf: "arm" }
  const host = hostPlatform()
  if (parts.length === 1) {
    const only = parts[0]!
    if (only === "linux") return host
    return { os: "linux", architecture: known[only] ?? only }
  }
  const [os, architecture, variant] = parts as [string, string, string?]
  return { os, architecture: known[architecture] ?? architecture, ...(variant ? { variant } : {}) }
}

/** Whether an image made for `candidate` runs where `wanted` is asked for. */
export function matchesPlatform(wanted: Platform, candidate: Platform): boolean {
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
export function platformDistance(wanted: Platform, candidate: Platform): number | undefined {
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
