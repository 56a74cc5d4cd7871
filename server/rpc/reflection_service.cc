#include "server/rpc/reflection_service.h"

#include <google/protobuf/descriptor.pb.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "server/rpc/frame_stream.h"

namespace shardd::rpc {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1::ExtensionNumberResponse;
using grpc::reflection::v1::FileDescriptorResponse;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

// The file and all files it needs, each once. The graph of imports has no cycles.
void AddWithImports(const FileDescriptor& file, std::set<const FileDescriptor*>& seen,
                    FileDescriptorResponse& response) {
  if (!seen.insert(&file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  response.add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddWithImports(*file.dependency(i), seen, response);
  }
}

void SetNotFound(const std::string& what, ServerReflectionResponse& response) {
  response.mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
  response.mutable_error_response()->set_error_message(absl::StrCat(what, " is not known here"));
}

void SetFile(const FileDescriptor* file, const std::string& what,
             ServerReflectionResponse& response) {
  if (file == nullptr) return SetNotFound(what, response);
  std::set<const FileDescriptor*> seen;
  AddWithImports(*file, seen, *response.mutable_file_descriptor_response());
}

const FileDescriptor* FileOfExtension(const DescriptorPool& pool,
                                      const std::string& containing_type, int number) {
  const google::protobuf::Descriptor* type = pool.FindMessageTypeByName(containing_type);
  if (type == nullptr) return nullptr;
  const FieldDescriptor* extension = pool.FindExtensionByNumber(type, number);
  return extension == nullptr ? nullptr : extension->file();
}

void SetExtensionNumbers(const DescriptorPool& pool, const std::string& type_name,
                         ServerReflectionResponse& response) {
  const google::protobuf::Descriptor* type = pool.FindMessageTypeByName(type_name);
  if (type == nullptr) return SetNotFound(type_name, response);
  std::vector<const FieldDescriptor*> extensions;
  pool.FindAllExtensions(type, &extensions);
  ExtensionNumberResponse& numbers = *response.mutable_all_extension_numbers_response();
  numbers.set_base_type_name(type_name);
  for (const FieldDescriptor* extension : extensions) {
    numbers.add_extension_number(extension->number());
  }
}

// One stream of questions, answered one by one.
class Questions final : public FrameStream<ServerReflectionRequest, ServerReflectionResponse> {
 public:
  Questions(const Config& config, Lane& lane, const std::vector<std::string>* services)
      : FrameStream(config, lane), services_(*services) {}

 private:
  absl::Status Check(const ServerReflectionRequest&) override { return absl::OkStatus(); }

  void Run(ServerReflectionRequest& request, Frame& frame) override {
    ServerReflectionResponse& response = frame.response();
    response.set_valid_host(request.host());
    *response.mutable_original_request() = request;
    Answer(request, response);
    frame.Done();
  }

  void Answer(const ServerReflectionRequest& request, ServerReflectionResponse& response) const {
    const DescriptorPool& pool = *DescriptorPool::generated_pool();
    switch (request.message_request_case()) {
      case ServerReflectionRequest::kFileByFilename:
        return SetFile(pool.FindFileByName(request.file_by_filename()), request.file_by_filename(),
                       response);
      case ServerReflectionRequest::kFileContainingSymbol:
        return SetFile(pool.FindFileContainingSymbol(request.file_containing_symbol()),
                       request.file_containing_symbol(), response);
      case ServerReflectionRequest::kFileContainingExtension: {
        const auto& asked = request.file_containing_extension();
        return SetFile(FileOfExtension(pool, asked.containing_type(), asked.extension_number()),
                       asked.containing_type(), response);
      }
      case ServerReflectionRequest::kAllExtensionNumbersOfType:
        return SetExtensionNumbers(pool, request.all_extension_numbers_of_type(), response);
      case ServerReflectionRequest::kListServices:
        for (const std::string& name : services_) {
          response.mutable_list_services_response()->add_service()->set_name(name);
        }
        return;
      case ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
        break;
    }
    response.mutable_error_response()->set_error_code(grpc::StatusCode::INVALID_ARGUMENT);
    response.mutable_error_response()->set_error_message("message_request is not set");
  }

  const std::vector<std::string>& services_;
};

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *ServerReflectionRequest::descriptor()->file()->FindServiceByName("ServerReflection");
}

}  // namespace

ReflectionService::ReflectionService(std::string name, CallContext& context,
                                     const std::vector<std::string>& services)
    : CallService(Descriptor(), std::move(name), context) {
  Stream<Questions>("ServerReflectionInfo", Admission::kOperator, &services);
}

}  // namespace shardd::rpc
