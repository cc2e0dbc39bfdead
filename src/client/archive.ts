import type { Transport } from "./transport.ts"
import { readText } from "./transport.ts"

/** What the daemon says about a path of a container (`X-Docker-Container-Path-Stat`). */
export interface PathStat {
  readonly name: string
  readonly size: number
  /** Go's os.FileMode. */
  readonly mode: number
  readonly mtime: string
  readonly linkTarget: string
}

const modeBits = { directory: 31, symlink: 27, device: 26, pipe: 25, socket: 24, characterDevice: 21, irregular: 19 }

const has = ({ mode }: PathStat, bit: keyof typeof modeBits) => Math.floor(mode / 2 ** modeBits[bit]) % 2 === 1

export const isDirectory = (stat: PathStat): boolean => has(stat, "directory")
export const isSymlink = (stat: PathStat): boolean => has(stat, "symlink")

/** Why nothing can be copied over it, in docker's words; undefined when it can. */
export function fileModeProblem(stat: PathStat): string | undefined {
  if (has(stat, "device")) return "got a device"
  return has(stat, "irregular") ? "got an irregular file" : undefined
}

/** `/containers/{id}/archive`: files of a container as archives. */
export class ArchiveClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  async stat(container: string, path: string): Promise<PathStat> {
    const response = await this.#transport.request("HEAD", at(container), { query: { path: slashed(path) } })
    await readText(response.body)
    return parse(response.headers.get("x-docker-container-path-stat"))
  }

  async get(
    container: string,
    path: string,
  ): Promise<{ readonly stat: PathStat; readonly body: AsyncIterable<Uint8Array> }> {
    const response = await this.#transport.request("GET", at(container), { query: { path: slashed(path) } })
    return { stat: parse(response.headers.get("x-docker-container-path-stat")), body: response.body }
  }

  /** Unpacks an archive in a directory. @param options.ownership keep user and group of the archive */
  async put(
    container: string,
    path: string,
    archive: AsyncIterable<Uint8Array>,
    options: { readonly ownership: boolean },
  ): Promise<void> {
    await this.#transport.text("PUT", at(container), {
      query: {
        path: slashed(path),
        noOverwriteDirNonDir: "true",
        ...(options.ownership ? { copyUIDGID: "true" } : {}),
      },
      upload: archive,
    })
  }
}

const at = (container: string) => `/containers/${encodeURIComponent(container)}/archive`
const slashed = (path: string) => path.replaceAll("\\", "/")

function parse(header: string | undefined): PathStat {
  return JSON.parse(Buffer.from(header ?? "", "base64").toString() || "{}")
}
