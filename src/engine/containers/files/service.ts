import type { CommitResponse, FilesystemChange } from "../../../api/container.ts"
import type { PathStatus } from "../../../core/files/contract.ts"
import type { Scope } from "../../../core/scope.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import { commitContainer } from "./commit.ts"
import type {
  CommitOptions,
  ContainerArchive,
  ContainerFiles,
  ContainerFilesNeeds,
  ExtractOptions,
} from "./contract.ts"
import { archiveStatus, extractArchive, readArchive } from "./copy.ts"

/** Docker's numbers for kinds of changes. */
const changeKinds = { modified: 0, added: 1, deleted: 2 } as const

/** The files of containers: larger calls are carried out by files of their own. */
export class ContainerFileService implements ContainerFiles {
  readonly #needs: ContainerFilesNeeds

  constructor(needs: ContainerFilesNeeds) {
    this.#needs = needs
  }

  status(scope: Scope, container: Container, ref: string, path: string): Promise<PathStatus> {
    return archiveStatus(this.#needs, scope, container, ref, path)
  }

  read(scope: Scope, container: Container, ref: string, path: string): Promise<ContainerArchive> {
    return readArchive(this.#needs, scope, container, ref, path)
  }

  extract(
    scope: Scope,
    container: Container,
    ref: string,
    options: ExtractOptions,
    archive: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    return extractArchive(this.#needs, scope, container, ref, options, archive)
  }

  async changes(scope: Scope, container: Container): Promise<readonly FilesystemChange[] | null> {
    const changes = await this.#needs.differ.changes(scope, container.id)
    return changes.length === 0 ? null : changes.map(({ path, kind }) => ({ Path: path, Kind: changeKinds[kind] }))
  }

  exportTree(scope: Scope, container: Container): AsyncIterable<Uint8Array> {
    publish(this.#needs, container, "export")
    return this.#needs.differ.tree(scope, container.id)
  }

  commit(scope: Scope, container: Container, options: CommitOptions): Promise<CommitResponse> {
    return commitContainer(this.#needs, scope, container, options)
  }
}
