import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { withQuery } from '../api/hub.ts'
import { deleteFile, fetchFiles } from '../api/messages.ts'
import { queryClient } from '../api/query-client.ts'
import { bytes, dateTime } from '../lib/format.ts'
import { announce } from '../ui/announce.tsx'
import { Confirm, type Question } from '../ui/confirm.tsx'
import { Empty, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'

const first: string | undefined = undefined

/** The files that a device has uploaded and that the hub keeps itself. */
export function FilesView({ device }: { readonly device: string }) {
  const [question, setQuestion] = useState<Question | null>(null)
  const query = useInfiniteQuery({
    queryKey: ['files', device],
    queryFn: ({ pageParam }) => fetchFiles(device, pageParam),
    initialPageParam: first,
    getNextPageParam: (last) => last.next ?? undefined,
  })
  const files = query.data?.pages.flatMap((page) => page.files)
  const ask = (name: string): void =>
    setQuestion({
      title: `Delete ${name}?`,
      body: <p>The hub keeps no other copy.</p>,
      verb: 'Delete',
      act: async () => {
        await deleteFile(name)
        announce(`${name} is deleted.`)
        await queryClient.invalidateQueries({ queryKey: ['files', device] })
      },
    })
  return (
    <Panel title="Files" flush>
      {query.error !== null && files === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {files === undefined && query.error === null ? <Skeleton rows={3} label="Loading files" /> : null}
      {files !== undefined && files.length === 0 ? (
        <Empty title="It has uploaded no file to this hub.">
          <p>Where uploads go to other storage, they are listed there.</p>
        </Empty>
      ) : null}
      {files === undefined || files.length === 0 ? null : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Files of the device">
          <table className="table">
            <caption className="hidden">Files of the device, by name</caption>
            <thead>
              <tr>
                <th scope="col">File</th>
                <th scope="col">Size</th>
                <th scope="col" className="wide-only">
                  Type
                </th>
                <th scope="col">Uploaded</th>
                <th scope="col">
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {files.map((file) => {
                const own = file.name.slice(device.length + 1)
                return (
                  <tr key={file.name}>
                    <th scope="row">
                      {/* The hub sends it as an attachment, whatever it is. */}
                      <a href={withQuery('/api/v1/files/content', { name: file.name })} download={own.split('/').at(-1)}>
                        {own}
                      </a>
                    </th>
                    <td className="nowrap">{bytes(file.bytes)}</td>
                    <td className="wide-only">{file.contentType}</td>
                    <td className="nowrap">{dateTime(file.lastModified)}</td>
                    <td>
                      <button type="button" className="button button-small" aria-label={`Delete ${own}…`} onClick={() => ask(file.name)}>
                        Delete…
                      </button>
                    </td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        </div>
      )}
      {query.hasNextPage ? (
        <div className="panel-foot">
          <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {query.isFetchingNextPage ? 'Loading…' : 'Show more'}
          </button>
        </div>
      ) : null}
      <Confirm question={question} close={() => setQuestion(null)} />
    </Panel>
  )
}
