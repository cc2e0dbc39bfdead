import type { Digest } from "../../oci/digest.ts"
import type { Labels } from "../metadata/labels.ts"
import type { Scope } from "../scope.ts"

export interface ContentInfo {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** Nanoseconds since the epoch. */
  readonly createdAt: bigint
  readonly updatedAt: bigint
  /** `containerd.io/gc.ref.content.*` labels keep other blobs alive; `containerd.io/uncompressed` names the diffID. */
  readonly labels: Readonly<Record<string, string>>
}

export interface IngestStatus {
  readonly ref: string
  /** Bytes written so far. */
  readonly offset: number
  /** Expected size, when it was told; 0 otherwise. */
  readonly total: number
  readonly startedAt: bigint
  readonly updatedAt: bigint
}

/** A blob that is on its way: what has come of it can be read already, but is not verified. */
export interface GrowingBlob {
  /** The file. It stays readable for who has it open, whatever becomes of the write. */
  readonly path: string
  /** Calls `listener` with how many bytes there are: now, and whenever there are more. */
  watch(listener: (bytes: number) => void): Disposable
  /** Aborted when what was there is dropped: what was read of it means nothing then. */
  readonly broken: AbortSignal
}

/** An open write. Disposing without `commit` keeps what was written, to be resumed under the same ref. */
export interface Ingest extends AsyncDisposable {
  status(): IngestStatus
  /** The file that what was written lies in until the commit, for readers in other processes and Workers. */
  readonly path: string
  /** Appends. @throws noSpace with what was written so far kept */
  write(bytes: Uint8Array): Promise<void>
  /** Forgets all bytes after `offset` (a resumed download that starts again). */
  truncate(offset: number): Promise<void>
  /** What everything written so far would be called. */
  digest(): Promise<Digest>
  /**
   * Verifies and publishes the blob: after this returns it is on disk and visible under its digest.
   * @param expected.digest refused with invalidArgument when the bytes have another
   * @param expected.size refused with invalidArgument when the length differs
   * @param expected.mediaType what the blob is, for the event; it is not kept
   * @param expected.unsynced does not wait for the disk: a loss of power in the next half minute may take the blob away again, whole
   * @throws alreadyExists when the namespace has the blob (the ingest is gone then, as after a success)
   */
  commit(
    scope: Scope,
    expected?: {
      readonly digest?: Digest
      readonly size?: number
      readonly labels?: Readonly<Record<string, string>>
      readonly unsynced?: boolean
      readonly mediaType?: string
    },
  ): Promise<ContentInfo>
}

/** An open blob. Disposing closes its descriptor. */
export interface BlobReader extends AsyncDisposable {
  readonly size: number
  /** Up to `length` bytes from `offset`; empty at the end. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** The bytes from `offset` (default 0) in chunks of up to 1 MiB. */
  stream(offset?: number, length?: number): AsyncIterable<Uint8Array>
}

/** Immutable blobs by digest. A blob stays invisible until its ingest commits. */
export interface ContentStore {
  /** @throws notFound */
  info(scope: Scope, digest: Digest): Promise<ContentInfo>
  has(scope: Scope, digest: Digest): Promise<boolean>
  /**
   * All blobs of the namespace, the oldest first; with filters (containerd's, over `digest`, `labels`) those that match one.
   * @throws invalidArgument
   */
  list(scope: Scope, filters?: readonly string[]): AsyncIterable<ContentInfo>
  /** @throws notFound */
  open(scope: Scope, digest: Digest): Promise<BlobReader>
  /** A whole small blob (manifest, configuration). @throws notFound; tooLarge above `limit` bytes (default 8 MiB) */
  readAll(scope: Scope, digest: Digest, limit?: number): Promise<Uint8Array>
  /** The blob's file, for readers in other processes and Workers. @throws notFound */
  path(scope: Scope, digest: Digest): Promise<string>
  /** Opens or resumes the write named `ref`. @throws unavailable while another holder has it open */
  ingest(scope: Scope, ref: string, options?: { readonly total?: number; readonly expected?: Digest }): Promise<Ingest>
  /** Uncommitted writes; with filters (containerd's, over `ref`) those that match one. @throws invalidArgument */
  ingests(scope: Scope, filters?: readonly string[]): AsyncIterable<IngestStatus>
  /** Deletes an uncommitted write. @throws notFound */
  abort(scope: Scope, ref: string): Promise<void>
  /** Stores bytes in one go; present ones are not an error. */
  put(scope: Scope, bytes: Uint8Array, labels?: Readonly<Record<string, string>>): Promise<ContentInfo>
  /** Sets labels; an empty value removes one. @throws notFound */
  label(scope: Scope, digest: Digest, labels: Readonly<Record<string, string>>): Promise<ContentInfo>
  /** Changes labels, all of them or those of a field mask ({@link updatedLabels}). @throws notFound; invalidArgument for another path */
  updateLabels(scope: Scope, digest: Digest, labels: Labels, paths?: readonly string[]): Promise<ContentInfo>
  /** Removes the blob from the namespace; the bytes go when no namespace has it. @throws notFound */
  remove(scope: Scope, digest: Digest): Promise<void>
}
