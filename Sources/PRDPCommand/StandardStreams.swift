import Foundation

/// Opens standard input, output and error on nothing where they are closed: the next file to be opened
/// would take the number of one, and get what is said to a person.
func fillStandardStreams() {
  for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
    // The lowest number that is free, which is this one. Where even this fails there is nobody to tell.
    _ = open("/dev/null", O_RDWR)
  }
}
