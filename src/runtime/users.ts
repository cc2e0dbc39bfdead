import { fstatSync, readSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { AT_FDCWD, closeDescriptor, openAt, openAt2, openFlags, resolveFlags } from "../linux/files.ts"

/** Who a process runs as. */
export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** The primary group first: without it a process could drop the group and gain what the group is denied. */
  readonly additionalGids: readonly number[]
  /** For HOME; `/` when the user has no entry. */
  readonly home: string
}

/** The most bytes of a container's passwd or group file, some 30,000 users: it is read while every other request waits. */
const longest = 2 * 1024 * 1024
const highestId = 2147483647

/**
 * Resolves `user[:group]`, names or numbers, by the /etc/passwd and /etc/group inside `root`. No symbolic link leads
 * out of `root`. An empty `user` is root.
 * @param groupAdd further groups, names or numbers
 * @throws invalidArgument in Docker's words when a name is unknown or a number too large
 */
export function resolveUser(root: string, user: string, groupAdd: readonly string[] = []): ResolvedUser {
  const passwd = readInside(root, "etc/passwd")
  const groups = readInside(root, "etc/group")
  const separator = user.indexOf(":")
  const userWord = separator < 0 ? user : user.slice(0, separator)
  const groupWord = separator < 0 ? "" : user.slice(separator + 1)
  const wanted = userWord === "" ? 0 : numeric(userWord)
  const entry = passwdEntry(passwd, wanted === undefined ? { name: userWord } : { uid: wanted })
  if (!entry && wanted === undefined)
    throw new Failure("invalidArgument", `unable to find user ${userWord}: no matching entries in passwd file`)
  const uid = entry?.uid ?? inRange(wanted!)
  let gid = entry?.gid ?? 0
  let memberships: number[] = []
  if (groupWord !== "") {
    const number = numeric(groupWord)
    const group = number === undefined ? named(groups, groupWord) : numbered(groups, number)
    if (!group && number === undefined)
      throw new Failure("invalidArgument", `unable to find group ${groupWord}: no matching entries in group file`)
    gid = group?.id ?? inRange(number!)
  } else if (entry) memberships = groupsOf(groups, entry.name)
  const known = namedAmong(groups, new Set(groupAdd))
  const added = groupAdd.map((word) => {
    const number = numeric(word)
    const group = known.get(word)
    if (!group && number === undefined) throw new Failure("invalidArgument", `Unable to find group ${word}`)
    return group?.id ?? inRange(number!)
  })
  return { uid, gid, additionalGids: [...new Set([gid, ...memberships, ...added])], home: entry?.home ?? "/" }
}

const numeric = (word: string): number | undefined => (/^[+-]?\d+$/.test(word) ? Number(word) : undefined)

function inRange(id: number): number {
  if (id >= 0 && id <= highestId) return id
  throw new Failure("invalidArgument", `uids and gids must be in range 0-${highestId}`)
}

/** The first user with a name or an ID. */
function passwdEntry(text: string, wanted: { readonly name: string } | { readonly uid: number }) {
  const mentioned = "name" in wanted ? entriesWith(text, wanted.name) : entriesWith(text, String(wanted.uid))
  for (const { name, id, rest } of mentioned) {
    if ("name" in wanted ? name !== wanted.name : id !== wanted.uid) continue
    const [gid, , home] = rest.split(":")
    if (/^\d+$/.test(gid ?? "")) return { name, uid: id, gid: Number(gid), home: home || "/" }
  }
  return undefined
}

interface Entry {
  readonly name: string
  readonly id: number
  readonly rest: string
}

const named = (text: string, name: string): Entry | undefined =>
  entriesWith(text, name).find((entry) => entry.name === name)

/** The groups with these names: of each the first. Goes over the whole text once. */
function namedAmong(text: string, names: ReadonlySet<string>): ReadonlyMap<string, Entry> {
  const found = new Map<string, Entry>()
  for (let start = 0; start < text.length && found.size < names.size; ) {
    const newline = text.indexOf("\n", start)
    const end = newline < 0 ? text.length : newline
    const name = text.slice(start, text.indexOf(":", start)).trim()
    const entry = names.has(name) && !found.has(name) ? entryOf(text, start, end) : undefined
    if (entry) found.set(name, entry)
    start = end + 1
  }
  return found
}

const numbered = (text: string, id: number): Entry | undefined =>
  entriesWith(text, String(id)).find((entry) => entry.id === id)

/** More than an honest user is in: a hostile image may have a line for each of a hundred thousand. */
const mostGroups = 10_000

/** The IDs of the groups that name a user. @throws invalidArgument for too many */
function groupsOf(text: string, user: string): number[] {
  const ids: number[] = []
  for (const { id, rest } of entriesWith(text, user)) {
    if (!rest.split(",").includes(user)) continue
    if (ids.push(id) > mostGroups)
      throw new Failure(
        "invalidArgument",
        `user ${user} is in more than ${mostGroups} groups of the container's /etc/group`,
      )
  }
  return ids
}

/**
 * Lines `name:password:id:rest` of a passwd or group file in which `part` occurs; others, comments and NIS entries are passed over.
 * A file may have tens of thousands of lines: nothing is made of those that do not matter.
 */
function* entriesWith(text: string, part: string): Generator<Entry> {
  for (let found = text.indexOf(part); found >= 0; ) {
    const newline = text.indexOf("\n", found)
    const entry = entryOf(text, text.lastIndexOf("\n", found) + 1, newline < 0 ? text.length : newline)
    if (entry) yield entry
    found = newline < 0 ? -1 : text.indexOf(part, newline)
  }
}

/** The entry in the line between two places. */
function entryOf(text: string, start: number, end: number): Entry | undefined {
  const password = text.indexOf(":", start) + 1
  const id = text.indexOf(":", password) + 1
  const rest = text.indexOf(":", id) + 1
  if (start >= password || password >= id || id >= rest || rest > end) return undefined
  const [name, number] = [text.slice(start, password - 1).trim(), text.slice(id, rest - 1)]
  if (name === "" || name.startsWith("#") || !/^\d+$/.test(number)) return undefined
  return { name, id: Number(number), rest: text.slice(rest, end).trim() }
}

/** A regular file's text, resolved as if `root` were `/`; empty when it is not there. */
function readInside(root: string, path: string): string {
  let directory: number | undefined
  let file: number | undefined
  try {
    directory = openAt(AT_FDCWD, root, openFlags.path | openFlags.directory)
    file = openAt2(
      directory,
      path,
      openFlags.readonly | openFlags.nonblock,
      resolveFlags.inRoot | resolveFlags.noMagicLinks,
    )
    const { size } = fstatSync(file)
    if (!fstatSync(file).isFile() || size > longest)
      throw new Failure("invalidArgument", `/${path} in the container is not a readable file of at most 2 MiB`)
    // No further than it was long: the container may be writing to it.
    const bytes = Buffer.alloc(size)
    return bytes.toString("utf8", 0, readSync(file, bytes, 0, size, 0))
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === "ENOENT" || code === "ENOTDIR") return ""
    throw error
  } finally {
    if (file !== undefined) closeDescriptor(file)
    if (directory !== undefined) closeDescriptor(directory)
  }
}
