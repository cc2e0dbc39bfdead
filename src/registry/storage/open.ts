import type { RegistryConfig } from "../config.ts"
import type { Storage } from "./contract.ts"
import { FileStorage } from "./files/storage.ts"
import { ownRoot } from "./owner.ts"
import { S3Storage } from "./s3/storage.ts"

/** The storage that a configuration names, for this process alone. @throws conflict while another process has it open */
export async function openStorage(config: RegistryConfig): Promise<Storage> {
  await using stack = new AsyncDisposableStack()
  stack.use(await ownRoot(config.root))
  const storage = stack.use(await (config.s3 ? S3Storage.open(config.s3, config.root) : FileStorage.open(config.root)))
  const owned = stack.move()
  const { records, blobs, spool } = storage
  return {
    records,
    blobs,
    spool,
    tagsChanged: (repository, index) => storage.tagsChanged(repository, index),
    forget: (repository) => storage.forget(repository),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
