// Modules exported with torch.jit.
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <string>
#include <vector>

#include "internal.h"

using namespace ctorch;

namespace {

struct Script {
  torch::jit::Module module;
  bool takes_texts;
};

Script &unwrap_script(ct_script script) { return *static_cast<Script *>(script.impl); }

bool is_list_of_texts(const c10::TypePtr &type) {
  auto list = type->cast<c10::ListType>();
  return list && list->getElementType()->kind() == c10::TypeKind::StringType;
}

/// Whether forward takes texts beside the tensor; throws where it takes anything else.
bool takes_texts(const torch::jit::Module &module) {
  const auto &arguments = module.get_method("forward").function().getSchema().arguments();
  std::vector<c10::TypePtr> types;
  // The first is the module itself.
  for (size_t i = 1; i < arguments.size(); i++) {
    if (!arguments[i].default_value()) types.push_back(arguments[i].type());
  }
  bool fits = (types.size() == 1 || (types.size() == 2 && is_list_of_texts(types[1]))) &&
              types[0]->kind() == c10::TypeKind::TensorType;
  if (fits) return types.size() == 2;
  std::string found;
  for (const auto &type : types) found += (found.empty() ? "" : ", ") + type->annotation_str();
  TORCH_CHECK(false, "forward must take (Tensor) or (Tensor, List[str]), it takes (", found, ")");
}

/// Runs `body`. The interpreter ends its account of an error with the module's own words.
template <class Body>
ct_status interpreted(Body &&body) {
  ct_status status = guarded(body);
  if (status == CT_OK) return status;
  std::string text = ct_last_error();
  text.erase(text.find_last_not_of(" \n") + 1);
  set_last_error(text.substr(text.rfind('\n') + 1));
  return status;
}

}  // namespace

ct_status ct_script_load(const char *path, ct_device where, bool *texts, ct_script *out) {
  return guarded([&] {
    auto module = torch::jit::load(path, device(where));
    module.eval();
    *texts = takes_texts(module);
    *out = {new Script{std::move(module), *texts}};
  });
}

ct_status ct_script_forward(ct_script script, ct_tensor input, const char *const *texts,
                            int32_t count, ct_tensor *out) {
  return interpreted([&] {
    auto &[module, takes_texts] = unwrap_script(script);
    std::vector<c10::IValue> inputs{unwrap(input)};
    if (takes_texts) {
      c10::List<std::string> list;
      for (int32_t i = 0; i < count; i++) list.push_back(texts[i]);
      inputs.push_back(list);
    }
    c10::IValue result = module.forward(std::move(inputs));
    TORCH_CHECK(result.isTensor(), "forward must return a Tensor, it returned ",
                result.tagKind());
    *out = wrap(result.toTensor());
  });
}

void ct_script_release(ct_script script) { delete &unwrap_script(script); }
