import { resolve } from "node:path"
import type { MountRequest } from "../api/container-config.ts"
import { Failure } from "../errors/failure.ts"
import { parseBytes } from "../std/byte-size.ts"
import { parseBool } from "../std/strconv.ts"
import { csvFields, cut } from "./words.ts"

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Bind = Mutable<NonNullable<MountRequest["BindOptions"]>>
type VolumeOptions = Mutable<NonNullable<MountRequest["VolumeOptions"]>>
type Tmpfs = Mutable<NonNullable<MountRequest["TmpfsOptions"]>>

/** One mount while its options are read. */
interface Draft {
  type: string
  source?: string
  target?: string
  readOnly?: boolean
  consistency?: string
  bind?: Bind
  volume?: VolumeOptions & { labels: Record<string, string>; options: Record<string, string>; driver?: string }
  image?: { Subpath?: string }
  tmpfs?: Tmpfs
}

const volumeOf = (draft: Draft) => {
  draft.volume ??= { labels: {}, options: {} }
  return draft.volume
}
const bindOf = (draft: Draft) => {
  draft.bind ??= {}
  return draft.bind
}

function assign<T extends object>(target: T, part: Partial<T>): void {
  Object.assign(target, part)
}

/** Options that may stand without a value. */
const switches: Readonly<Record<string, (draft: Draft) => void>> = {
  readonly: (draft) => assign(draft, { readOnly: true }),
  ro: (draft) => assign(draft, { readOnly: true }),
  "volume-nocopy": (draft) => assign(volumeOf(draft), { NoCopy: true }),
  "bind-nonrecursive": (draft) => assign(bindOf(draft), { NonRecursive: true }),
  "bind-create-src": (draft) => assign(bindOf(draft), { CreateMountpoint: true }),
}

const source = (draft: Draft, value: string) => {
  draft.source = value === "." || value.startsWith("./") || value.startsWith("../") ? resolve(value) : value
}
const target = (draft: Draft, value: string) => {
  draft.target = value
}
const addPair = (map: Record<string, string>, value: string) => {
  const [key, rest] = cut(value, "=")
  if (key) map[key] = rest ?? ""
}

const options: Readonly<Record<string, (draft: Draft, value: string, key: string) => void>> = {
  type: (draft, value) => assign(draft, { type: value.toLowerCase() }),
  source,
  src: source,
  target,
  dst: target,
  destination: target,
  readonly: (draft, value, key) => assign(draft, { readOnly: boolean(key, value) }),
  ro: (draft, value, key) => assign(draft, { readOnly: boolean(key, value) }),
  consistency: (draft, value) => assign(draft, { consistency: value.toLowerCase() }),
  "bind-propagation": (draft, value) => assign(bindOf(draft), { Propagation: value.toLowerCase() }),
  "bind-nonrecursive": (draft, value, key) => assign(bindOf(draft), { NonRecursive: boolean(key, value) }),
  "bind-create-src": (draft, value, key) => assign(bindOf(draft), { CreateMountpoint: boolean(key, value) }),
  "bind-recursive": (draft, value) => {
    const bind = bindOf(draft)
    if (value === "disabled") bind.NonRecursive = true
    else if (value === "writable") bind.ReadOnlyNonRecursive = true
    else if (value === "readonly") bind.ReadOnlyForceRecursive = true
    else if (value !== "enabled")
      throw new Failure(
        "invalidArgument",
        `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
      )
  },
  "volume-subpath": (draft, value) => assign(volumeOf(draft), { Subpath: value }),
  "volume-nocopy": (draft, value, key) => assign(volumeOf(draft), { NoCopy: boolean(key, value) }),
  "volume-label": (draft, value) => addPair(volumeOf(draft).labels, value),
  "volume-driver": (draft, value) => assign(volumeOf(draft), { driver: value }),
  "volume-opt": (draft, value) => addPair(volumeOf(draft).options, value),
  "image-subpath": (draft, value) => assign(draft, { image: { Subpath: value } }),
  "tmpfs-size": (draft, value) => {
    try {
      draft.tmpfs = { ...draft.tmpfs, SizeBytes: parseBytes(value) }
    } catch {
      throw new Failure("invalidArgument", `invalid value for tmpfs-size: ${value}`)
    }
  },
  "tmpfs-mode": (draft, value) => {
    if (!/^[0-7]{1,11}$/.test(value)) throw new Failure("invalidArgument", `invalid value for tmpfs-mode: ${value}`)
    draft.tmpfs = { ...draft.tmpfs, Mode: Number.parseInt(value, 8) }
  },
}

function boolean(key: string, value: string): boolean {
  try {
    return parseBool(value)
  } catch {
    throw new Failure("invalidArgument", `invalid value for ${key}: ${value}`)
  }
}

/** Parses one `--mount`. @throws invalidArgument in Docker's words */
export function parseMount(text: string): MountRequest {
  const draft: Draft = { type: "volume" }
  for (const field of csvFields(text)) {
    const [written, value] = cut(field, "=")
    const key = written.toLowerCase()
    if (value === undefined) {
      const turnOn = switches[key]
      if (!turnOn) throw new Failure("invalidArgument", `invalid field '${field}' must be a key=value pair`)
      turnOn(draft)
      continue
    }
    const apply = options[key]
    if (!apply) throw new Failure("invalidArgument", `unknown option '${key}' in '${field}'`)
    apply(draft, value, key)
  }
  check(draft)
  return finish(draft)
}

function check(draft: Draft): void {
  if (draft.type === "") throw new Failure("invalidArgument", "type is required")
  const mixed = (kind: string, given: unknown) => {
    if (given !== undefined && draft.type !== kind)
      throw new Failure("invalidArgument", `cannot mix '${kind}-*' options with mount type '${draft.type}'`)
  }
  mixed("volume", draft.volume)
  mixed("bind", draft.bind)
  mixed("tmpfs", draft.tmpfs)
  mixed("image", draft.image)
  const { bind } = draft
  const needs = (option: string, other: string) =>
    new Failure(
      "invalidArgument",
      `option 'bind-recursive=${option}' requires '${other}' to be specified in conjunction`,
    )
  if (bind?.ReadOnlyNonRecursive && !draft.readOnly) throw needs("writable", "readonly")
  if (bind?.ReadOnlyForceRecursive && !draft.readOnly) throw needs("readonly", "readonly")
  if (bind?.ReadOnlyForceRecursive && bind.Propagation !== "rprivate")
    throw needs("readonly", "bind-propagation=rprivate")
}

const filled = (map: Record<string, string>) => (Object.keys(map).length > 0 ? map : undefined)

function finish({ type, source, target, readOnly, consistency, bind, volume, image, tmpfs }: Draft): MountRequest {
  return {
    Type: type as NonNullable<MountRequest["Type"]>,
    Source: source || undefined,
    Target: target,
    ReadOnly: readOnly || undefined,
    Consistency: consistency || undefined,
    BindOptions: bind && {
      Propagation: bind.Propagation || undefined,
      NonRecursive: bind.NonRecursive || undefined,
      CreateMountpoint: bind.CreateMountpoint || undefined,
      ReadOnlyNonRecursive: bind.ReadOnlyNonRecursive,
      ReadOnlyForceRecursive: bind.ReadOnlyForceRecursive,
    },
    VolumeOptions: volume && {
      NoCopy: volume.NoCopy || undefined,
      Labels: filled(volume.labels),
      Subpath: volume.Subpath || undefined,
      DriverConfig: { Name: volume.driver || undefined, Options: filled(volume.options) },
    },
    ImageOptions: image,
    TmpfsOptions: tmpfs,
  }
}
