import { Failure, messageOf } from "../../errors/failure.ts"
import { formatReference, type Reference } from "../../oci/reference.ts"
import { findJsonFault } from "../../std/json-syntax.ts"
import type { SignedIdentity } from "./identity.ts"
import { type TrustedKey, trustedKey } from "./keys.ts"

/** A signature by one of the keys, for a name that the identity accepts. */
export interface SignedRequirement {
  readonly type: "sigstoreSigned"
  readonly keys: readonly TrustedKey[]
  readonly identity: SignedIdentity
}

export type Requirement = { readonly type: "insecureAcceptAnything" } | { readonly type: "reject" } | SignedRequirement

/** Everything that is required of images of one scope. */
export interface PolicyEntry {
  /** Where in the file it stands: `default`, `transports.docker."quay.io/team"`. */
  readonly where: string
  readonly requirements: readonly Requirement[]
}

type Fields = Readonly<Record<string, unknown>>

/** What is required of images by their names (containers-policy.json(5)): the part about registries, with sigstore's keys. */
export class Policy {
  readonly #default: PolicyEntry
  readonly #scopes: ReadonlyMap<string, PolicyEntry>

  private constructor(fallback: PolicyEntry, scopes: ReadonlyMap<string, PolicyEntry>) {
    this.#default = fallback
    this.#scopes = scopes
  }

  /**
   * @param read the text of a key's file
   * @throws invalidArgument for what is wrong, or would be less strict here than it is meant
   */
  static parse(text: string, read: (path: string) => string): Policy {
    let document: unknown
    try {
      document = JSON.parse(text)
    } catch (error) {
      const fault = findJsonFault(text)
      throw new Failure(
        "invalidArgument",
        fault?.kind === "syntax" ? fault.message : "it is not one JSON document",
        error,
      )
    }
    const fields = object(document, "the policy")
    known(fields, ["default", "transports"], "the policy")
    if (fields["default"] === undefined) throw new Failure("invalidArgument", 'the policy has no "default"')
    const transports = object(fields["transports"] ?? {}, "transports")
    const scopes = new Map<string, PolicyEntry>()
    for (const [scope, list] of Object.entries(object(transports["docker"] ?? {}, "transports.docker"))) {
      scopes.set(scope, entry(list, `transports.docker.${JSON.stringify(scope)}`, read))
    }
    return new Policy(entry(fields["default"], "default", read), scopes)
  }

  /** The rules for an image: those of the most precise scope. */
  entryFor(reference: Reference): PolicyEntry {
    for (const scope of scopesOf(reference)) {
      const found = this.#scopes.get(scope)
      if (found) return found
    }
    return this.#default
  }
}

/** The scopes that an image lies in, the most precise first (containers-policy.json(5), "docker:"). */
function* scopesOf(reference: Reference): Generator<string> {
  const { domain, path, digest } = reference
  const exact = digest ? { domain, path, digest } : { ...reference, tag: reference.tag ?? "latest" }
  yield formatReference(exact)
  const components = [domain, ...path.split("/")]
  for (let length = components.length; length > 0; length--) yield components.slice(0, length).join("/")
  for (let dot = domain.indexOf("."); dot >= 0; dot = domain.indexOf(".", dot + 1)) yield `*${domain.slice(dot)}`
  yield ""
}

function entry(list: unknown, where: string, read: (path: string) => string): PolicyEntry {
  if (!Array.isArray(list) || list.length === 0) {
    throw new Failure("invalidArgument", `${where} is not a list of at least one requirement`)
  }
  return { where, requirements: list.map((each, at) => requirement(each, `${where}[${at}]`, read)) }
}

function requirement(value: unknown, where: string, read: (path: string) => string): Requirement {
  const fields = object(value, where)
  const { type } = fields
  if (type === "insecureAcceptAnything" || type === "reject") {
    known(fields, ["type"], where)
    return { type }
  }
  if (type === "signedBy") {
    throw new Failure("invalidArgument", `${where}: GPG signatures (signedBy) are not supported; use sigstoreSigned`)
  }
  if (type !== "sigstoreSigned") {
    throw new Failure("invalidArgument", `${where}: ${JSON.stringify(type)} is no type of requirement`)
  }
  for (const unsupported of ["fulcio", "pki", "rekorPublicKeyPath", "rekorPublicKeyData"]) {
    if (fields[unsupported] === undefined) continue
    throw new Failure("invalidArgument", `${where}: ${unsupported} is not supported; name keys by keyPath or keyData`)
  }
  known(fields, ["type", "keyPath", "keyPaths", "keyData", "keyDatas", "signedIdentity"], where)
  const identity = signedIdentity(fields["signedIdentity"], `${where}.signedIdentity`)
  return { type, keys: keysOf(fields, where, read), identity }
}

function keysOf(fields: Fields, where: string, read: (path: string) => string): readonly TrustedKey[] {
  const given = ["keyPath", "keyPaths", "keyData", "keyDatas"].filter((name) => fields[name] !== undefined)
  const name = given[0]
  if (given.length !== 1 || name === undefined) {
    throw new Failure("invalidArgument", `${where}: give exactly one of keyPath, keyPaths, keyData and keyDatas`)
  }
  const value = fields[name]
  const list = name.endsWith("s") ? value : [value]
  if (!Array.isArray(list) || list.length === 0 || !list.every((each) => typeof each === "string")) {
    throw new Failure("invalidArgument", `${where}.${name} is not ${name.endsWith("s") ? "a list of texts" : "a text"}`)
  }
  return list.map((each: string, at) => {
    if (name.startsWith("keyData")) {
      return trustedKey(Buffer.from(each, "base64").toString("utf8"), list.length > 1 ? `${name}[${at}]` : name)
    }
    try {
      return trustedKey(read(each), each)
    } catch (error) {
      if (error instanceof Failure) throw error
      throw new Failure("invalidArgument", `${where}: cannot read the key ${each}: ${messageOf(error)}`, error)
    }
  })
}

const identityFields: Readonly<Record<SignedIdentity["type"], readonly string[]>> = {
  matchExact: [],
  matchRepoDigestOrExact: [],
  matchRepository: [],
  matchDigest: [],
  exactReference: ["dockerReference"],
  exactRepository: ["dockerRepository"],
  remapIdentity: ["prefix", "signedPrefix"],
}

function signedIdentity(value: unknown, where: string): SignedIdentity {
  if (value === undefined) return { type: "matchRepoDigestOrExact" }
  const fields = object(value, where)
  const needs = Object.hasOwn(identityFields, String(fields["type"]))
    ? identityFields[fields["type"] as SignedIdentity["type"]]
    : undefined
  if (!needs) throw new Failure("invalidArgument", `${where}: ${JSON.stringify(fields["type"])} is no type of identity`)
  known(fields, ["type", ...needs], where)
  for (const need of needs) {
    if (typeof fields[need] !== "string" || fields[need] === "") {
      throw new Failure("invalidArgument", `${where}.${need} is not a text`)
    }
  }
  return fields as unknown as SignedIdentity
}

function object(value: unknown, where: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields
  throw new Failure("invalidArgument", `${where} is not an object`)
}

/** A key with a slip in it must not make the policy weaker. */
function known(fields: Fields, names: readonly string[], where: string): void {
  const unknown = Object.keys(fields).find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Failure("invalidArgument", `${where}: ${JSON.stringify(unknown)} is not known`)
}
