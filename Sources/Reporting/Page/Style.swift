/// How the page looks, on paper, in the dark and on a telephone.
enum Style {
  static let sheet: HTML = """
    :root { color-scheme: light dark; --ink: #1b2127; --soft: #5b6670; --line: #e2e6ea;
      --paper: #ffffff; --panel: #f6f8f9; --s1: #1f6fb4; --s2: #c2500a; --s3: #17795a;
      --s4: #8447ad; --s5: #8c6a00; --s6: #b0324f; --s7: #7c8791 }
    @media (prefers-color-scheme: dark) { :root { --ink: #e4e8eb; --soft: #9aa6b0;
      --line: #2d353d; --paper: #13171b; --panel: #1a2026; --s1: #6cb2f0; --s2: #f39a5a;
      --s3: #5cc498; --s4: #c599ea; --s5: #d9b447; --s6: #ef8199; --s7: #8b969f } }
    * { box-sizing: border-box }
    body { margin: 0; background: var(--paper); color: var(--ink);
      font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }
    main { max-width: 1180px; margin: 0 auto; padding: 24px 16px 64px }
    h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere }
    h2 { font-size: 1.15rem; margin: 40px 0 12px }
    p { margin: 0 0 12px; max-width: 75ch; overflow-wrap: anywhere }
    .soft, small { color: var(--soft) }
    small { font-size: .85em; font-weight: normal }
    .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
      gap: 12px; margin: 20px 0 0 }
    .figures div { background: var(--panel); border-radius: 8px; padding: 10px 14px }
    .figures dt { color: var(--soft); font-size: .85rem; overflow-wrap: anywhere }
    .figures dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums }
    .charts { display: grid; gap: 20px 28px;
      grid-template-columns: repeat(auto-fill, minmax(min(320px, 100%), 1fr)) }
    figure { margin: 0 } figcaption { font-weight: 600; font-size: .95rem }
    .chart figcaption { display: flex; gap: 6px; align-items: baseline; flex-wrap: wrap }
    .last { margin-left: auto; font-weight: normal; font-variant-numeric: tabular-nums }
    svg { display: block; width: 100%; height: auto }
    svg text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums }
    svg .end { text-anchor: end } svg .middle { text-anchor: middle }
    svg .strong { fill: var(--ink); font-weight: 600 }
    .grid, .axis, .restart { fill: none; stroke: var(--line) } .axis { stroke: var(--soft) }
    .restart { stroke: var(--soft); stroke-dasharray: 2 4 }
    .line, .error, .extremes, .ring { stroke-width: 1.8; stroke-linejoin: round }
    .line, .error, .extremes { fill: none } .error { stroke-width: 1.2 }
    .extremes { opacity: .25; stroke-width: 1 } .band { opacity: .16 } .ring { fill: var(--paper) }
    .line.s1, .extremes.s1, .error.s1, .ring.s1 { stroke: var(--s1) }
    .line.s2, .extremes.s2, .error.s2 { stroke: var(--s2) }
    .line.s3, .extremes.s3, .error.s3 { stroke: var(--s3) }
    .line.s4, .extremes.s4, .error.s4 { stroke: var(--s4) }
    .line.s5, .extremes.s5, .error.s5 { stroke: var(--s5) }
    .line.s6, .extremes.s6, .error.s6 { stroke: var(--s6) }
    .band.s1, .dot.s1, text.s1, rect.s1 { fill: var(--s1) }
    .dot.s2, text.s2, rect.s2 { fill: var(--s2) } .dot.s3, text.s3, rect.s3 { fill: var(--s3) }
    .dot.s4, text.s4, rect.s4 { fill: var(--s4) } .dot.s5, text.s5, rect.s5 { fill: var(--s5) }
    .dot.s6, text.s6, rect.s6 { fill: var(--s6) } rect.s7 { fill: var(--s7) }
    .bar { height: 30px; border-radius: 6px; overflow: hidden; margin-bottom: 12px }
    .key { display: inline-block; width: 11px; height: 11px; margin-right: 8px }
    table { border-collapse: collapse; font-size: .93rem }
    th, td { text-align: left; padding: 5px 18px 5px 0; border-bottom: 1px solid var(--line);
      vertical-align: top } th { color: var(--soft); font-weight: 600 }
    .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
    .wide { overflow-x: auto; margin-bottom: 12px }
    dd small { font-size: .8em; white-space: nowrap }
    td.text { min-width: 16ch; overflow-wrap: anywhere }
    @media (max-width: 480px) { table { font-size: .8rem } th, td { padding-right: 8px } }
    .samples { display: grid; gap: 20px } .samples img { display: block; max-width: 100%;
      height: auto; border-radius: 6px; margin-top: 4px }
    summary { cursor: pointer; font-size: 1.15rem; font-weight: 700; margin: 40px 0 12px }
    pre { background: var(--panel); border-radius: 8px; padding: 14px; overflow-x: auto;
      font-size: .85rem; line-height: 1.45 }
    """
}
