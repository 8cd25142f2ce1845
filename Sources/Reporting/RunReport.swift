import Foundation

/// A run as a page of HTML that needs nothing else: no other file, no network, no script.
///
/// It depends on the files of the run folder alone: the same folder gives the same page.
public struct RunReport {
  let run: RecordedRun

  /// Reads a run folder, of a run that is finished, at work or was killed.
  ///
  /// - Throws: ``ReportingError`` where it is no run's.
  public init(folder: String) throws {
    run = try RecordedRun(folder: folder)
  }

  /// The page.
  public var html: String { page.source }

  /// Writes the page: readers see the file that was there or the new one.
  ///
  /// - Throws: ``ReportingError``.
  public func write(to path: String) throws {
    do {
      try Data(html.utf8).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw ReportingError(
        path, expected: "a file that can be written", found: error.localizedDescription,
        advice: "choose another one by --output")
    }
  }

  private var page: HTML {
    // Whatever a run holds, a browser takes nothing of it for a program and asks nobody for more.
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" \
    content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(name) – PRDP run</title>
    <style>
    \(Style.sheet)
    </style>
    </head>
    <body>
    <main>
    \(header)\(evaluationSection)\(curveSection)\(sampleSection)\(timeSection)\(startSection)\
    \(ledgerSection)\(configurationSection)\(noteSection)</main>
    </body>
    </html>

    """
  }

  /// The folder's own name.
  var name: String { URL(filePath: run.path).standardizedFileURL.lastPathComponent }

  /// A section; nothing where its content is nothing.
  func section(_ title: String, _ content: HTML) -> HTML {
    content == "" ? "" : "<section>\n<h2>\(title)</h2>\n\(content)</section>\n"
  }
}
