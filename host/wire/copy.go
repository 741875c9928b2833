package wire

// CopyBody relays the body that src is reading to the body that dst is writing, from one framing to the other, finishes it, and
// flushes. Trailers are read and checked, and not relayed, in either direction: no filter has seen them. It returns the bytes of the body. Memory is src's read buffer: 4 KiB for what is small or trickles, up
// to 256 KiB while it streams; nothing is allocated per chunk.
//
// With flushEach nothing waits in dst while src has nothing more to give: what each read brought is written before the next, and a
// head that is pending goes out before the first read that would wait. Without it, small parts gather; that is for bodies
// that are known to come at once.
//
// A *[WriteError] is a failure of dst; any other error is src's, and then dst's message is unfinished: close it.
func CopyBody(dst, src *Conn, flushEach bool) (int64, error) {
	var total int64
	for {
		if flushEach && dst.Pending() {
			ready, err := src.BodyReady()
			if err != nil {
				return total, err
			}
			if !ready {
				if err := dst.Flush(); err != nil {
					return total, err
				}
			}
		}
		p, done, err := src.NextBody()
		if err != nil {
			return total, err
		}
		if err := dst.writeBody(p, done); err != nil {
			return total, err
		}
		total += int64(len(p))
		if done {
			if err := dst.FinishBody(nil); err != nil {
				return total, err
			}
			return total, dst.Flush()
		}
	}
}
