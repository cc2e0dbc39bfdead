import type { Digest } from "../../oci/digest.ts"

/** Small documents by path (`folder/…/name`). A write is whole or not there, and on disk when it returns. */
export interface Records {
  get(key: string): Promise<Uint8Array | undefined>
  put(key: string, bytes: Uint8Array | string): Promise<void>
  /** @returns whether there was one */
  delete(key: string): Promise<boolean>
  /** The names of the documents directly in `folder`, in any order. */
  list(folder: string): Promise<readonly string[]>
}

/** That a repository has a blob. */
export interface BlobLink {
  readonly digest: Digest
  /** When the repository, or a later one, came to have it: milliseconds since the epoch. Never too early. */
  readonly linkedAt: number
}

export interface BlobInfo extends BlobLink {
  /** Bytes. */
  readonly size: number
}

/** An open blob. */
export interface BlobReader extends AsyncDisposable {
  readonly size: number
  /** The bytes from `start` to before `end`, as they are taken. A chunk is good until the next is asked for. */
  stream(start: number, end: number): AsyncIterable<Uint8Array>
}

/** What a sweep freed. */
export interface Freed {
  readonly blobs: number
  /** Bytes. */
  readonly bytes: number
}

/**
 * Immutable bytes by digest, stored once and visible in the repositories that link them. Bytes are verified before they get
 * here. A link keeps the bytes; bytes without any link are freed by `sweep`.
 */
export interface Blobs {
  stat(repository: string, digest: Digest): Promise<BlobInfo | undefined>
  open(repository: string, digest: Digest): Promise<BlobReader | undefined>
  /** Links a blob that `from` has, or any repository when it is absent. @returns undefined when there is no such blob */
  link(repository: string, digest: Digest, from?: string): Promise<BlobInfo | undefined>
  /** Takes over a file of the spool that is on disk. The file's name may go or stay; its bytes must not change any more. */
  adopt(repository: string, digest: Digest, file: string): Promise<void>
  /** Stores small bytes. */
  put(repository: string, digest: Digest, bytes: Uint8Array): Promise<void>
  /** @returns whether the repository had it */
  unlink(repository: string, digest: Digest): Promise<boolean>
  list(repository: string): AsyncIterable<BlobLink>
  /** Frees bytes that no repository links. Links made meanwhile keep theirs. */
  sweep(): Promise<Freed>
  /** An address where clients can get the blob themselves, for a while, when the storage offers that. */
  address?(digest: Digest): Promise<string | undefined>
}

/** Where a registry keeps things. One server at a time owns it. */
export interface Storage extends AsyncDisposable {
  readonly records: Records
  readonly blobs: Blobs
  /** A local directory for uploads in progress, kept over restarts. */
  readonly spool: string
  /** Told that a repository's tags changed; `index` makes its OCI image index. Returns at once. */
  tagsChanged(repository: string, index: () => Promise<string>): void
  /** Tidies up behind a repository that has nothing in it any more. What was put into it meanwhile stays. */
  forget(repository: string): Promise<void>
}
