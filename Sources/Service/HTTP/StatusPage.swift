/// The page that shows the streams live: three texts that ask for nothing from elsewhere.
enum StatusPage {
    static let html = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>segmentd</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="/page.css">
        </head>
        <body>
        <header>
          <h1>segmentd</h1>
          <p id="summary"></p>
          <dl id="service"></dl>
          <p id="silence" role="status" hidden></p>
        </header>
        <main id="streams"><noscript>This page needs JavaScript; <a href="/api/streams">/api/streams</a> and
          <a href="/metrics">/metrics</a> do not.</noscript></main>
        <p id="empty" hidden>No stream is configured.</p>
        <p id="news" class="unseen" role="status"></p>
        <template id="stream">
          <article>
            <button class="picture" type="button" aria-pressed="false" title="larger or smaller">
              <img alt=""><span class="nothing">no picture</span>
            </button>
            <div class="text">
              <h2><span class="name"></span><span class="state"></span></h2>
              <p class="source"></p>
              <p class="error" hidden></p>
              <dl class="figures">
                <div><dt>frames in</dt><dd class="in"></dd></div>
                <div><dt>inferred</dt><dd class="inferred"></dd></div>
                <div><dt>dropped</dt><dd class="dropped"></dd></div>
                <div title="from the decoder to the record"><dt>latency</dt><dd class="latency"></dd></div>
                <div title="of the detector, for one frame"><dt>inference</dt><dd class="inference"></dd></div>
                <div><dt>reconnects</dt><dd class="reconnects"></dd></div>
              </dl>
              <section><h3>Objects</h3><p class="classes"></p>
                <div class="rows"><table><thead><tr><th scope="col">track</th><th scope="col">class</th>
                <th scope="col" class="number">score</th><th scope="col" class="number">centre, px</th>
                <th scope="col" class="number">size, px</th></tr></thead><tbody></tbody></table></div></section>
              <section><h3>Events</h3><ol class="events"></ol></section>
              <section><h3>Outputs</h3><ul class="outputs"></ul></section>
            </div>
          </article>
        </template>
        <script src="/page.js"></script>
        </body>
        </html>
        """#

    static let style = #"""
        :root { --page: #f4f5f7; --card: #fff; --ink: #1b1f24; --soft: #59636e; --line: #d9dde2; --fill: #f0f2f5;
          --good: #17693e; --bad: #b3261e; --wait: #8a5a00; --focus: #2f6fde; }
        @media (prefers-color-scheme: dark) { :root { --page: #0f1215; --card: #181c21; --ink: #e4e8ec; --soft: #9aa4af;
          --line: #2b3139; --fill: #20252b; --good: #5fd092; --bad: #ff8a80; --wait: #e8b84a; --focus: #7aa9ff; } }
        * { box-sizing: border-box; }
        [hidden] { display: none !important; }
        body { margin: 0; background: var(--page); color: var(--ink); font: 14px/1.45 system-ui, sans-serif;
          font-variant-numeric: tabular-nums; }
        .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
        header { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; align-items: baseline; padding: .7rem 1.25rem;
          background: var(--card); border-bottom: 1px solid var(--line); position: sticky; top: 0; z-index: 1; }
        h1 { font-size: 1.15rem; margin: 0; }
        header p, header dl { margin: 0; }
        #service { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; margin-left: auto; color: var(--soft); }
        #service dt { display: inline; }
        #service dd { display: inline; margin: 0 0 0 .35em; color: var(--ink); }
        #silence { flex-basis: 100%; color: var(--bad); font-weight: 600; }
        #empty { padding: 3rem; text-align: center; color: var(--soft); }
        main { display: grid; gap: 1.1rem; padding: 1.1rem 1.25rem; align-items: start;
          grid-template-columns: repeat(auto-fill, minmax(min(25rem, 100%), 1fr)); }
        article { background: var(--card); border: 1px solid var(--line); border-radius: 8px; min-width: 0; overflow: hidden; }
        article.large { grid-column: 1 / -1; }
        .text { padding: .7rem .9rem .9rem; }
        h2 { display: flex; gap: .6rem; align-items: center; justify-content: space-between; margin: 0; font-size: 1.05rem; }
        .name { overflow-wrap: anywhere; }
        h3 { margin: .9rem 0 .2rem; font-size: .85rem; font-weight: 600; color: var(--soft); }
        .state { flex: none; font-size: .78rem; font-weight: 600; color: var(--wait); }
        .state::before { content: ""; display: inline-block; width: .55em; height: .55em; margin-right: .4em; border-radius: 50%;
          background: currentColor; }
        [data-state=running] { color: var(--good); }
        [data-state=failed] { color: var(--bad); }
        [data-state=ended] { color: var(--soft); }
        .source { margin: .1rem 0 0; color: var(--soft); overflow-wrap: anywhere; }
        .picture { display: block; position: relative; width: 100%; padding: 0; border: 0; background: #0b0d0f; color: #8b949e;
          font: inherit; aspect-ratio: 16 / 9; max-height: 22rem; overflow: hidden; cursor: zoom-in; }
        .large .picture { max-height: 85vh; cursor: zoom-out; }
        .picture:focus-visible { outline: 2px solid var(--focus); outline-offset: -2px; }
        .picture img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; visibility: hidden; }
        .picture.shown img { visibility: visible; }
        .picture.old img { opacity: .45; }
        .picture.shown .nothing { display: none; }
        .error { color: var(--bad); margin: .4rem 0 0; overflow-wrap: anywhere; }
        .figures { display: grid; grid-template-columns: repeat(3, 1fr); gap: 1px; margin: .7rem 0 0; background: var(--line);
          border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
        .figures div { background: var(--fill); padding: .3rem .6rem .35rem; min-width: 0; }
        dt { font-size: .78rem; color: var(--soft); }
        #service dt { font-size: inherit; }
        dd { margin: 0; }
        .figures dd { font-weight: 600; font-size: 1rem; white-space: nowrap; }
        small { display: block; font-weight: 400; font-size: .75rem; color: var(--soft); }
        .classes { margin: 0; }
        .rows { max-height: 11.5rem; overflow-y: auto; }
        table { border-collapse: collapse; width: 100%; font-size: .86rem; }
        th { text-align: left; font-weight: 400; color: var(--soft); position: sticky; top: 0; background: var(--card); }
        td, th { padding: .1rem .6rem .1rem 0; white-space: nowrap; }
        td:nth-child(2) { white-space: normal; overflow-wrap: anywhere; }
        .number { text-align: right; padding-right: 0; padding-left: .6rem; }
        ol, ul { margin: 0; padding: 0; list-style: none; font-size: .86rem; }
        li { padding: .1rem 0; overflow-wrap: anywhere; }
        .events { max-height: 9.5rem; overflow-y: auto; }
        time { color: var(--soft); margin-right: .7em; }
        .outputs li { display: flex; flex-wrap: wrap; gap: 0 .8rem; justify-content: space-between; padding: .2rem 0; }
        .outputs li + li { border-top: 1px solid var(--line); }
        .outputs .count { color: var(--soft); margin-left: auto; }
        .outputs .bad { color: var(--bad); flex-basis: 100%; }
        .rows, .events { scrollbar-width: thin; }
        @media (max-width: 40rem) { header { position: static; } #service { margin-left: 0; } main { padding: .7rem; } }
        @media (prefers-reduced-motion: no-preference) { .picture img { transition: opacity .2s; } }
        """#
}
