import Testing
import Torch

@Suite struct DeviceTests {
  @Test func aDeviceHasPyTorchsName() {
    #expect(Device.cpu.description == "cpu")
    #expect(Device.cuda(index: 3).description == "cuda:3")
  }

  @Test func aDeviceThatIsNotThereIsRefused() throws {
    let missing = Device.cuda(index: try Device.cudaCount())
    let error = #expect(throws: TensorError.self) { try Tensor.zeros(shape: [1], device: missing) }
    #expect(error?.description.hasPrefix("full(): ") == true)
    #expect(throws: TensorError.self) { try Tensor([1.0], shape: [1]).to(missing) }
  }

  @Test func theVersionIsThatOfTheHeaders() {
    #expect(Runtime.libtorchVersion.wholeMatch(of: #/\d+\.\d+\.\d+.*/#) != nil)
  }

  @Test(arguments: zip(DType.allCases, [1, 4, 8, 2, 2, 4, 8, 1]))
  func anElementTakesItsBytes(dtype: DType, byteCount: Int) {
    #expect(dtype.byteCount == byteCount)
  }
}
